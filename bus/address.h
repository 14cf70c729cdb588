// Addresses taken apart: which transport, and whether anybody could dial or bind them. Pure.
#pragma once

#include "base/result.h"
#include "bus/bus.h"

namespace gfs::bus {

enum class Transport : std::uint8_t { tcp, ipc, inproc };

// invalid_argument, naming the address: an unknown transport, no host, a port that is no number of 1..65535, an empty
// name, a path longer than a socket's may be.
Result<Transport> check_dial_address(const Address& address);
// As above; port 0 and "*" as the host are welcome.
Result<Transport> check_listen_address(const Address& address);

// "ipc:///run/gfs" -> "/run/gfs".
std::string after_scheme(const Address& address);

}  // namespace gfs::bus
