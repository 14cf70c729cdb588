// LayoutService: files that stand still for a moment, so that a snapshot is made of what was acknowledged before and of
// nothing that comes after.
//
//   the file    whoever wants to know where to write waits
//   its chunks  their primaries take no more serials in the version they have (Configure, frozen), and answer when
//               everything is on all members. One that cannot be heard gives way to another, in the next version
//
// A chunk that several files share stays frozen, in every version that is made of it.
#include <algorithm>

#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr std::size_t kAtOnce = 256;
constexpr Duration kLook = 10ms;
constexpr Duration kAgain = 100ms;

}  // namespace

LayoutService::Freeze::Freeze(LayoutService& layouts, std::vector<InodeId> files)
    : layouts_(layouts), files_(std::move(files)) {
  layouts_.frozen_files_.insert(files_.begin(), files_.end());
}

LayoutService::Freeze::~Freeze() {
  for (InodeId file : files_) layouts_.frozen_files_.erase(layouts_.frozen_files_.find(file));
  for (ChunkHandle chunk : chunks_) layouts_.frozen_chunks_.erase(layouts_.frozen_chunks_.find(chunk));
  std::vector<Promise<void>> waiters = std::move(layouts_.thaw_waiters_);
  layouts_.thaw_waiters_.clear();
  for (Promise<void>& waiter : waiters) waiter.set({});
}

bool LayoutService::is_frozen(ChunkHandle handle, const Chunk& chunk) const {
  return is_led(handle, chunk) && active_.at(handle.value).frozen;
}

Task<> LayoutService::unfrozen(InodeId inode) {
  while (frozen_files_.contains(inode)) {
    PROBE("who wants to write waits until a snapshot is made");
    Promise<void> promise;
    Future<void> thawed = promise.future();
    thaw_waiters_.push_back(std::move(promise));
    co_await std::move(thawed);
  }
}

Task<> LayoutService::not_cut(std::vector<InodeId> files, Instant until) {
  auto cut = [&] { return std::ranges::any_of(files, [this](InodeId file) { return cutting_.contains(file); }); };
  while (!cutting_.empty() && cut()) {
    if (now() >= until) co_await fail(Code::unavailable, "files in it are being cut all the time");
    co_await endpoint_->executor().sleep(kLook);
  }
}

Task<> LayoutService::freeze(Freeze& by, std::vector<ChunkHandle> chunks, Instant until) {
  by.chunks_.insert(by.chunks_.end(), chunks.begin(), chunks.end());
  frozen_chunks_.insert(chunks.begin(), chunks.end());
  std::vector<Task<>> tasks;
  for (ChunkHandle handle : chunks) {
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    if (chunk && !is_frozen(handle, *chunk)) tasks.push_back(freeze_one(handle, until));
  }
  co_await in_windows(std::move(tasks));
}

Task<> LayoutService::freeze_one(ChunkHandle handle, Instant until) {
  while (true) {
    if (!state_.chunks().has(handle)) co_return;
    Result<> ready = co_await with_deadline(endpoint_->executor(), until, fmt::format("freezing chunk {}", handle),
                                            make_ready(handle, {}, Use::frozen))
                         .outcome();
    if (ready || !state_.chunks().has(handle)) co_return;
    if (now() + kAgain >= until)
      co_await fail(Code::unavailable, "chunk {} cannot be frozen: {}", handle, ready.error().message);
    PROBE("a chunk could not be frozen at the first try");
    co_await endpoint_->executor().sleep(kAgain);
  }
}

Task<> LayoutService::warm(std::vector<ChunkHandle> chunks) {
  std::vector<Task<>> tasks;
  for (ChunkHandle handle : chunks) {
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    if (chunk && !is_active(handle, *chunk)) tasks.push_back(warm_one(handle));
  }
  co_await in_windows(std::move(tasks));
}

Task<> LayoutService::restore_old(std::vector<ChunkHandle> chunks) {
  for (ChunkHandle handle : chunks) {
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    if (chunk && restores_.is_old(handle, *chunk)) (void)co_await restore(handle).outcome();
  }
}

std::optional<std::uint64_t> LayoutService::length_of(ChunkHandle handle, const Chunk& chunk) const {
  if (!is_frozen(handle, chunk)) return std::nullopt;
  return active_.at(handle.value).length;
}

Task<> LayoutService::warm_one(ChunkHandle handle) { (void)co_await activate(handle, {}).outcome(); }

// So many at a time; gives the first error, once those of its window have come to their end.
Task<> LayoutService::in_windows(std::vector<Task<>> tasks) {
  std::vector<Task<>> window;
  for (auto at = tasks.begin(); at != tasks.end();) {
    for (; at != tasks.end() && window.size() < kAtOnce; ++at) window.push_back(std::move(*at));
    std::vector<Result<>> results = co_await all_of(std::exchange(window, {}));
    for (Result<>& result : results) co_await std::move(result);
  }
}

}  // namespace gfs::master
