// Tells systemd (or whoever set NOTIFY_SOCKET) how the process does; nothing happens where nobody asked.
#pragma once

#include <string_view>

namespace gfs::master {

// "READY=1", "STOPPING=1"
void notify_service_manager(std::string_view state);

}  // namespace gfs::master
