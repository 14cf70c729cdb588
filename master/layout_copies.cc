// LayoutService: a file that is about to write to a chunk which it shares gets a copy of its own.
//
//   handle    reserved in the log: no other chunk ever gets it, whatever becomes of the copy
//   copy      every member of the frozen chunk makes one of what it holds, on its own disk
//   fence     readers of the file who know the shared chunk must not go on reading it once the copy is written to: it
//             gets its next version, in which all its members refuse them; who asks where to read waits meanwhile
//   replace   in the log: the file has the copy, the others the shared chunk
//
// A copy that comes to nothing is of no file: it is collected like everything else that is.
#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr int kRoundsMax = 8;
constexpr Duration kCopyTime = 30s;

}  // namespace

class LayoutService::Moving {
 public:
  Moving(LayoutService& layouts, Place place) : layouts_(layouts), place_(place) { layouts_.moving_[place]; }
  ~Moving() {
    std::vector<Promise<void>> waiters = std::move(layouts_.moving_[place_]);
    layouts_.moving_.erase(place_);
    for (Promise<void>& waiter : waiters) waiter.set({});
  }
  Moving(const Moving&) = delete;
  Moving& operator=(const Moving&) = delete;

 private:
  LayoutService& layouts_;
  Place place_;
};

Task<> LayoutService::not_moving(InodeId inode, std::uint32_t first, std::uint32_t count) {
  while (true) {
    auto found = moving_.lower_bound({inode, first});
    if (found == moving_.end() || found->first.first != inode || found->first.second >= std::uint64_t{first} + count)
      co_return;
    PROBE("a reader waits until a shared chunk has been copied");
    Promise<void> promise;
    Future<void> over = promise.future();
    found->second.push_back(std::move(promise));
    co_await std::move(over);
  }
}

Task<ChunkHandle> LayoutService::own(InodeId inode, std::uint32_t index) {
  for (int round = 0; round < kRoundsMax; ++round) {
    const ChunkHandle handle = state_.chunks().at(inode, index);
    if (handle.value == 0) co_return handle;
    const Chunk chunk = *state_.chunks().find(handle);
    if (!chunk.shared()) {
      if (chunk.inode != inode) {
        ClaimChunkOp op{inode, index};
        (void)co_await journal_.commit(std::move(op));
      }
      co_return handle;
    }
    co_await copy_on_write({inode, index}, handle);
  }
  co_await fail(Code::unavailable, "chunk {} of file {}: snapshots are made of it all the time", index, inode);
  co_return ChunkHandle{};
}

// Joins the copy that is under way, or begins one.
Task<> LayoutService::copy_on_write(Place place, ChunkHandle shared) {
  Promise<void> promise;
  Future<void> copied = promise.future();
  auto [at, first] = copies_.try_emplace(place);
  at->second.push_back(std::move(promise));
  if (first) {
    auto done = [this, place](Result<> result) {
      std::vector<Promise<void>> waiters = std::move(copies_[place]);
      copies_.erase(place);
      for (Promise<void>& waiter : waiters) waiter.set(result);
    };
    group_.spawn(copy_and_replace(place, shared), std::move(done));
  }
  co_await std::move(copied);
}

Task<ChunkHandle> LayoutService::reserve_handle() {
  while (true) {
    ReserveHandleOp op{next_handle()};
    const ChunkHandle handle = op.handle;
    Result<Decision> reserved = co_await journal_.commit(std::move(op)).outcome();
    if (reserved) co_return handle;
    if (reserved.error().code != Code::conflict) co_await fail(std::move(reserved));
  }
}

Task<> LayoutService::copy_and_replace(Place place, ChunkHandle shared) {
  const auto [inode, index] = place;
  co_await make_ready(shared, {}, Use::frozen);
  std::optional<Chunk> chunk = state_.chunks().find(shared);
  if (!chunk || !chunk->shared()) co_return;
  const ChunkHandle handle = co_await reserve_handle();
  struct Copying {
    Copying(std::set<ChunkHandle>& all, ChunkHandle one) : handles(all), handle(one) { handles.insert(one); }
    ~Copying() { handles.erase(handle); }
    Copying(const Copying&) = delete;
    Copying& operator=(const Copying&) = delete;
    std::set<ChunkHandle>& handles;
    ChunkHandle handle;
  };
  const Copying copying(copying_, handle);
  std::vector<ServerId> members = co_await copy_on_members(shared, *chunk, handle);
  const Moving moving(*this, place);
  if (!is_mutant("readers_not_fenced")) {
    chunk = state_.chunks().find(shared);
    if (!chunk || !chunk->shared()) co_return;
    Situation renewed = situation(shared, *chunk);
    renewed.renew = true;
    (void)co_await change(shared, *chunk, std::move(renewed));
    co_await make_ready(shared, {}, Use::frozen);
  }
  const ServerId primary = std::ranges::find(members, chunk->configuration.primary) != members.end()
                               ? chunk->configuration.primary
                               : members.front();
  ReplaceChunkOp op{inode, index, shared, handle, std::move(members), primary};
  Result<Decision> replaced = co_await journal_.commit(std::move(op)).outcome();
  // A conflict: it is not shared any more, or the file has no such chunk. The caller looks again.
  if (!replaced && replaced.error().code != Code::conflict) co_await fail(std::move(replaced));
  if (replaced) log::debug("shared_chunk_copied", {{"chunk", handle}, {"shared", shared}, {"file", inode}});
}

// Those that have the copy, all the same.
Task<std::vector<ServerId>> LayoutService::copy_on_members(ChunkHandle shared, Chunk chunk, ChunkHandle handle) {
  const Configuration& configuration = chunk.configuration;
  const bus::CopyChunk ask{shared, configuration.version, handle};
  std::vector<Task<bus::CopyChunk::Reply>> asked;
  for (ServerId server : configuration.members) {
    bus::CopyChunk one = ask;
    asked.push_back(copy_there(server, std::move(one)));
  }
  std::vector<Result<bus::CopyChunk::Reply>> answers = co_await all_of(std::move(asked));
  Error error{Code::unavailable, fmt::format("chunk {} cannot be copied by those who hold it", shared), {}};
  std::vector<ServerId> members;
  std::optional<bus::CopyChunk::Reply> first;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const ServerId server = configuration.members[i];
    if (!answers[i]) {
      error.why.push_back({fmt::format("server {}", server), answers[i].error().text()});
      continue;
    }
    if (!first) first = *answers[i];
    if (answers[i]->length != first->length || answers[i]->digest != first->digest) {
      log::error("copies_differ", {{"chunk", shared}, {"server", server}, {"from", members.front()}});
      error.why.push_back({fmt::format("server {}", server), "its copy is another one"});
      continue;
    }
    members.push_back(server);
    servers_.note(server, handle, Version{1}, answers[i]->length, false);
  }
  const std::size_t least = std::min(minimum(chunk.inode, chunk.goal), configuration.members.size());
  if (members.size() >= std::max<std::size_t>(least, 1)) {
    if (!error.why.empty()) PROBE("a shared chunk was copied by some of its members");
    co_return members;
  }
  if (!error.why.empty()) error.message += ": " + error.why.front().server + ": " + error.why.front().reason;
  co_await fail(std::move(error));
  co_return members;
}

Task<bus::CopyChunk::Reply> LayoutService::copy_there(ServerId server, bus::CopyChunk ask) {
  const Server* known = servers_.find(server);
  if (known == nullptr || !known->registered()) co_await fail(Code::unavailable, "it has not registered");
  bus::CallOptions options;
  options.deadline = kCopyTime;
  bus::Peer peer = bus::Peer::on(known->route);
  co_return co_await endpoint_->call(std::move(peer), std::move(ask), options);
}

}  // namespace gfs::master
