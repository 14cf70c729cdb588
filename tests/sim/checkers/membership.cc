#include "tests/sim/checkers/membership.h"

#include <fmt/format.h>

#include <algorithm>

#include "master/op.h"
#include "master/state.h"
#include "tests/sim/master_log.h"

namespace gfs::sim {

bool spares_servers(const std::set<std::string>& faults) {
  static const std::set<std::string> kHarmless = {"crash_master", "crash_client"};
  return std::ranges::includes(kHarmless, faults);
}

std::string check_membership(const SimDisk& master, std::uint64_t chunk_size) {
  master::MasterState state({}, chunk_size);
  for (const master::LogRecord& record : master_log(master)) {
    Result<master::Op> op = master::decode_op(record.op);
    if (!op) continue;  // a mark: nothing happened
    const auto* change = std::get_if<master::ReconfigureOp>(&op->body);
    std::optional<master::Chunk> chunk;
    if (change != nullptr) chunk = state.chunks().find(change->handle);
    if (chunk && !chunk->configuration.virgin && chunk->configuration.version == change->from) {
      for (ServerId member : chunk->configuration.members) {
        if (chunk->configuration.joins(member) || std::ranges::find(change->members, member) != change->members.end())
          continue;
        return fmt::format("server {} went out of chunk {} with version {}, and nothing had happened to it", member,
                           change->handle, change->from.next());
      }
    }
    state.apply(*op, record.header.index);
  }
  return {};
}

}  // namespace gfs::sim
