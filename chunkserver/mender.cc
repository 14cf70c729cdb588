#include "chunkserver/mender.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "bus/messages/chunk_chunk.h"
#include "chunkserver/block_checksums.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kPage = 1024;
constexpr Duration kReadTime = 5s;

}  // namespace

Task<> Mender::run() {
  for (ChunkHandle at;;) {
    const std::vector<ChunkInfo> page = store_.page(at, kPage);
    if (page.empty()) break;
    at = page.back().handle;
    for (const ChunkInfo& one : page) {
      if (one.damaged) note_damage(one.handle);
    }
  }
  while (true) {
    co_await endpoint_.executor().sleep(kEvery);
    std::vector<ChunkHandle> looking;
    for (auto& [handle, next] : damaged_) {
      if (endpoint_.executor().now() < next.at) continue;
      next.at = endpoint_.executor().now() + next.pause;
      next.pause = std::min<Duration>(2 * next.pause, kSeldom);
      looking.push_back(handle);
    }
    for (ChunkHandle handle : looking) {
      const std::optional<ChunkInfo> held = store_.find(handle);
      if (!held || !held->damaged) {
        damaged_.erase(handle);
        continue;
      }
      Result<> done = co_await mend(handle).outcome();
      if (!done) log::write_limited(log::Level::warn, "not_mended", {{"chunk", handle}, {"why", done.error().text()}});
    }
  }
}

Task<> Mender::mend(ChunkHandle handle) {
  bus::FindChunk::Reply found = co_await find_chunk(handle);
  std::vector<bus::Address> others;
  bool member = false;
  for (const bus::ListChunks::Holder& holder : found.chunk.members) {
    if (!holder.member) continue;
    if (holder.state == "ok" && holder.server != self_) co_return;  // it is replaced from there
    member = member || holder.server == self_;
    if (holder.server != self_) others.push_back(holder.address);
  }
  if (!member || others.empty()) co_return;
  const BlocksSeen seen = co_await store_.verify(handle);
  // It is wrong in another way than that a block does not verify.
  if (seen.bad.empty()) co_return;
  const bus::ReplicaState state = co_await store_.state(handle);
  std::size_t left = 0;
  for (std::uint32_t block : seen.bad) {
    const bool fetched = co_await fetch(handle, block, bytes_in_block(state.length, block), others);
    if (!fetched) ++left;
  }
  if (left > 0) co_await fail(Code::corrupt, "chunk {}: {} blocks are bad in every replica", handle, left);
  const bool good = co_await store_.settle_damage(handle);
  if (!good) co_return;
  PROBE("a damaged replica was mended from other damaged ones");
  log::info("mended", {{"chunk", handle}, {"blocks", seen.bad.size()}});
  if (report_mended) report_mended(handle);
}

Task<bool> Mender::fetch(ChunkHandle handle, std::uint32_t block, std::uint32_t size, std::vector<bus::Address> from) {
  for (const bus::Address& one : from) {
    bus::ReadReplica ask;
    ask.handle = handle;
    ask.offset = std::uint64_t{block} * kBlockSize;
    ask.size = size;
    bus::CallOptions options;
    options.deadline = kReadTime;
    Result<bus::ReadReplica::Reply> got =
        co_await endpoint_.call(bus::Peer::at(one), std::move(ask), options).outcome();
    if (!got) continue;
    Result<> put = co_await store_.mend_block(handle, block, std::move(got->payload)).outcome();
    if (put) co_return true;
  }
  co_return false;
}

}  // namespace gfs::chunkserver
