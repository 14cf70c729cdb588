#include "bus/address.h"

#include <charconv>

namespace gfs::bus {

namespace {

constexpr std::size_t kIpcPathMax = 107;     // sockaddr_un::sun_path, with its final zero
constexpr std::size_t kInprocNameMax = 255;  // ours
constexpr std::size_t kHostMax = 255;        // of a DNS name

std::unexpected<Error> bad(const Address& address, std::string_view why) {
  return fail(Code::invalid_argument, "'{}' is not an address: {}", address.substr(0, 300), why);
}

Result<> check_tcp(const Address& address, std::string_view rest, unsigned lowest_port) {
  std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return bad(address, "no port (tcp://host:port)");
  std::string_view host = rest.substr(0, colon);
  std::string_view port_text = rest.substr(colon + 1);
  if (host.empty() || host.size() > kHostMax) return bad(address, "no host (tcp://host:port)");
  if (host.find_first_of("/; \t") != std::string_view::npos)
    return bad(address, "a host has none of '/', ';' and blanks");
  if (lowest_port > 0 && host == "*") return bad(address, "nobody can dial '*'");
  unsigned port = 0;
  auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  bool number = error == std::errc() && end == port_text.data() + port_text.size() && !port_text.empty();
  if (!number || port < lowest_port || port > 65535) return bad(address, "the port is not one");
  return {};
}

Result<Transport> check(const Address& address, unsigned lowest_port) {
  if (address.find('\0') != std::string::npos) return bad(address, "it has a zero byte");
  std::string rest = after_scheme(address);
  if (address.starts_with("tcp://")) {
    Result<> checked = check_tcp(address, rest, lowest_port);
    if (!checked) return fail(std::move(checked));
    return Transport::tcp;
  }
  if (address.starts_with("ipc://")) {
    if (rest.empty() || rest == "*") return bad(address, "no path (ipc://path)");
    if (rest.size() > kIpcPathMax) return bad(address, "the path of a socket has at most 107 bytes");
    return Transport::ipc;
  }
  if (address.starts_with("inproc://")) {
    if (rest.empty() || rest.size() > kInprocNameMax)
      return bad(address, "no name, or one over 255 bytes (inproc://name)");
    return Transport::inproc;
  }
  return bad(address, "it begins with none of tcp://, ipc:// and inproc://");
}

}  // namespace

Result<Transport> check_dial_address(const Address& address) { return check(address, 1); }

Result<Transport> check_listen_address(const Address& address) { return check(address, 0); }

std::string after_scheme(const Address& address) {
  std::size_t slashes = address.find("://");
  return slashes == std::string::npos ? address : address.substr(slashes + 3);
}

}  // namespace gfs::bus
