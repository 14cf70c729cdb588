// Which chunkserver a person means: its id (or the begin of it, if no other one begins so), its address, or "all".
// Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bus/messages/client_master.h"

namespace gfs::cli {

// not_found; invalid_argument: several are meant.
Result<bus::ServerInfo> choose_server(const std::string& named, const std::vector<bus::ServerInfo>& servers);
// "all", or nothing: the nil id.
Result<ServerId> choose_servers(const std::string& named, const std::vector<bus::ServerInfo>& servers);

}  // namespace gfs::cli
