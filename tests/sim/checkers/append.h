// Append: what was acknowledged is in the file exactly once, at the offset told, on every member; what is unknown at
// most once; what did not happen never; nothing of nobody. One stream's records lie in their order, and what a reader
// has seen once stays.
#pragma once

#include <vector>

#include "base/task.h"
#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "tests/sim/append_history.h"

namespace gfs::sim {

// What a reader found: kept in mind, and compared with what is known now.
void check_seen(History& history, AppendHistory& appends, std::size_t file, const Parsed& parsed);

// The whole file, in the end.
void judge_appends(History& history, const AppendHistory& appends, std::size_t file, const std::vector<Placed>& found);

// Reads every member of every chunk of the file, and judges what is there.
Task<> check_append_file(History& history, const AppendHistory& appends, bus::Endpoint& endpoint, std::size_t file,
                         std::vector<bus::ListChunks::Chunk> chunks);

}  // namespace gfs::sim
