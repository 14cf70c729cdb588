#include "master/epoch_adoption.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

Result<std::uint64_t> choose_epoch(const MasterState& state, const Identity& identity,
                                   std::optional<std::uint64_t> adopt) {
  std::uint64_t epoch = identity.epoch;
  const bool begun = state.epoch() < identity.epoch;  // and cut off by a crash
  if (adopt == 0u && !begun) ++epoch;
  if (adopt && *adopt != 0) {
    if (*adopt < epoch)
      return fail(Code::refused, "log epoch {} cannot be adopted: the directory is of epoch {}", *adopt, epoch);
    epoch = *adopt;
  }
  if (epoch == state.epoch()) return epoch;
  const std::optional<Decision> decided = state.check(Op{{}, BeginEpochOp{epoch}});
  if (decided && !decided->ok()) return fail(decided->error());
  return epoch;
}

Task<> enter_epoch(Disk& disk, LogStore& log, MasterState& state, Identity& identity, std::uint64_t epoch, WallMs now) {
  if (identity.epoch != epoch) {
    Identity next = identity;
    next.epoch = epoch;
    co_await save_identity(disk, next);
    identity = next;
  }
  if (state.epoch() == epoch) co_return;
  PROBE("a log epoch began");
  const std::uint64_t before = log.last_index();
  co_await log.begin_epoch(epoch);
  Op op{{{}, 0, std::max(now, state.last_time())}, BeginEpochOp{epoch}};
  std::vector<std::string> batch{encode_op(op)};
  co_await log.append(std::move(batch));
  state.apply(op, log.last_index());
  log::warn("log_epoch_begins",
            {{"epoch", epoch}, {"behind", before}, {"why", "a directory that was restored or cut counts from now on"}});
}

}  // namespace gfs::master
