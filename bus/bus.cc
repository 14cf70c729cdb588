#include "bus/bus.h"

namespace gfs::bus {

std::string Peer::text() const {
  if (dialled()) return address;
  std::string text = "route ";
  for (char c : route) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace gfs::bus
