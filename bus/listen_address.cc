#include "bus/listen_address.h"

#include <charconv>

namespace gfs::bus {

namespace {

bool is_named(const std::string& address) { return address.starts_with("ipc://") || address.starts_with("inproc://"); }

// So many ports further; any port if it is 0.
Result<Address> neighbour(const std::string& control, unsigned distance) {
  const std::size_t colon = control.rfind(':');
  if (!control.starts_with("tcp://") || colon <= 6) {
    return fail(Code::invalid_argument, "'{}' is not an address (tcp://HOST:PORT)", control);
  }
  unsigned port = 0;
  const char* end = control.data() + control.size();
  auto [rest, error] = std::from_chars(control.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end || port > 65531) {
    return fail(Code::invalid_argument, "'{}': the port is not a number up to 65531 (its neighbours are used too)",
                control);
  }
  return control.substr(0, colon + 1) + std::to_string(port == 0 ? 0 : port + distance);
}

}  // namespace

Result<ListenAt> listen_at(const std::string& control) {
  if (is_named(control)) return ListenAt{control, control + ".data", control + ".events"};
  Result<Address> data = neighbour(control, 1), events = neighbour(control, 2);
  if (!data) return fail(std::move(data));
  return ListenAt{control, std::move(*data), std::move(*events)};
}

Result<Address> gossip_at(const std::string& control) {
  if (is_named(control)) return control + ".gossip";
  return neighbour(control, 3);
}

bool only_local(const std::string& address) {
  if (is_named(address)) return true;
  return address.starts_with("tcp://127.") || address.starts_with("tcp://localhost:") ||
         address.starts_with("tcp://[::1]:");
}

}  // namespace gfs::bus
