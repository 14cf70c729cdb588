#include "bus/listen_address.h"

#include <charconv>

namespace gfs::bus {

Result<ListenAt> listen_at(const std::string& control) {
  if (control.starts_with("ipc://") || control.starts_with("inproc://")) {
    return ListenAt{control, control + ".data", control + ".events"};
  }
  std::size_t colon = control.rfind(':');
  if (!control.starts_with("tcp://") || colon <= 6) {
    return fail(Code::invalid_argument, "{} is not an address (tcp://HOST:PORT)", control);
  }
  unsigned port = 0;
  const char* end = control.data() + control.size();
  auto [rest, error] = std::from_chars(control.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end || port > 65531) {
    return fail(Code::invalid_argument, "{}: the port must be a number up to 65531 (its neighbours are used too)",
                control);
  }
  auto neighbour = [&](unsigned distance) {
    return control.substr(0, colon + 1) + std::to_string(port == 0 ? 0 : port + distance);
  };
  return ListenAt{control, neighbour(1), neighbour(2)};
}

bool only_local(const std::string& address) {
  if (address.starts_with("ipc://") || address.starts_with("inproc://")) return true;
  return address.starts_with("tcp://127.") || address.starts_with("tcp://localhost:") ||
         address.starts_with("tcp://[::1]:");
}

}  // namespace gfs::bus
