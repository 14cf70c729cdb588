// MasterState, third part: what a new log epoch does to it.
#include "master/epoch.h"
#include "master/state.h"

namespace gfs::master {

Result<> MasterState::foresee(const BeginEpochOp& op) const {
  if (op.epoch <= epoch_) return fail(Code::refused, "log epoch {} is not above {}", op.epoch, epoch_);
  if (op.epoch > kEpochMax) return fail(Code::refused, "log epoch {}: at most {} are possible", op.epoch, kEpochMax);
  // Whoever went on from here gave the numbers after the last one.
  const std::uint64_t first = (namespace_.last_inode().value >> 32) + 2;
  if (op.epoch < first) {
    return fail(Code::refused, "log epoch {}: its inode numbers may have been given already; from {} on they have not",
                op.epoch, first);
  }
  return {};
}

Decision MasterState::run(const BeginEpochOp& op, WallMs now) {
  Result<> possible = foresee(op);
  if (!possible) return refusal(std::move(possible).error());
  epoch_ = op.epoch;
  namespace_.skip_inodes(inodes_of(epoch_));
  // What was given back in the time that is lost may be all that is left of its names.
  namespace_.keep_trash(now + kKeptInNewEpoch);
  return {};
}

Decision MasterState::run(const RestoreChunkOp& op, WallMs) {
  Result<> done = chunks_.restore(op);
  if (!done) return refusal(std::move(done).error());
  Decision decision;
  decision.handle = op.handle;
  return decision;
}

}  // namespace gfs::master
