// Where a node listens, worked out from its one --listen address: control P, data P + 1, events P + 2, gossip P + 3.
// Pure.
#pragma once

#include <string>

#include "bus/bus.h"

namespace gfs::bus {

// tcp://HOST:P; for ipc:// and inproc:// the other names get a suffix. invalid_argument names the address.
Result<ListenAt> listen_at(const std::string& control);
Result<Address> gossip_at(const std::string& control);

// Nobody but this machine can reach it: 127.0.0.0/8, ::1, localhost, ipc and inproc.
bool only_local(const std::string& address);

}  // namespace gfs::bus
