#include "chunkserver/make_equal.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/block_checksums.h"

namespace gfs::chunkserver {

namespace {

constexpr Duration kInspectTime = 5s;
constexpr Duration kFetchTime = 5s;
constexpr int kTries = 2;
constexpr Duration kGatheredKept = 10min;
constexpr std::uint32_t kRunMax = kFragmentMax / kBlockSize;
constexpr std::uint32_t kRunMaxPaced = 4;  // what clients ask for meanwhile comes in between

bool may_pass(Code code) { return code == Code::deadline || code == Code::lost_link || code == Code::overloaded; }

}  // namespace

Task<bus::MakeEqual::Reply> MakeEqual::make_equal(bus::MakeEqual ask, bus::Caller) {
  if (ask.handle.value == 0 || ask.source.control.find("://") == std::string::npos) {
    co_await fail(Code::invalid_argument, "a copy of chunk {} from \"{}\"", ask.handle, ask.source.control);
  }
  co_return co_await run(ask.handle, ask.version, std::move(ask.source));
}

Task<bus::CloneChunk::Reply> MakeEqual::clone(bus::CloneChunk ask, bus::Caller) {
  if (ask.handle.value == 0 || ask.source.control.find("://") == std::string::npos) {
    co_await fail(Code::invalid_argument, "a copy of chunk {} from \"{}\"", ask.handle, ask.source.control);
  }
  bus::MakeEqual::Reply done = co_await run(ask.handle, Version{}, std::move(ask.source), ask.rate);
  co_return bus::CloneChunk::Reply{done.copied};
}

Task<bus::MakeEqual::Reply> MakeEqual::run(ChunkHandle handle, Version version, bus::Member source,
                                           std::uint64_t rate) {
  Promise<bus::MakeEqual::Reply> promise;
  Future<bus::MakeEqual::Reply> reply = promise.future();
  const Key key{handle, version};
  auto [at, first] = flows_.try_emplace(key);
  at->second.push_back(std::move(promise));
  if (first) {
    tasks_.spawn(copy(handle, version, std::move(source), rate), [this, key](Result<bus::MakeEqual::Reply> result) {
      std::vector<Promise<bus::MakeEqual::Reply>> waiters = std::move(flows_[key]);
      flows_.erase(key);
      for (Promise<bus::MakeEqual::Reply>& waiter : waiters) waiter.set(result);
    });
  }
  co_return co_await std::move(reply);
}

Task<bus::MakeEqual::Reply> MakeEqual::copy(ChunkHandle handle, Version version, bus::Member source,
                                            std::uint64_t rate) {
  bus::InspectChunk::Reply there = co_await inspect(handle, source);
  if (there.version.value == 0)
    co_await fail(Code::not_found, "chunk {}: {} has nothing of it", handle, source.control);
  if (version.value != 0 && there.fence != version) {
    co_await fail(Code::stale_version, "chunk {} version {}: {} has promised version {}", handle, version,
                  source.control, there.fence);
  }
  if (!there.bad.empty()) {
    // The source's fault, not this replica's: it has reported it, and whoever ordered the copy looks for another one.
    co_await fail(Code::unavailable, "chunk {} block {}: it does not verify at {}", handle, there.bad.front(),
                  source.control);
  }
  if (there.checksums.size() != blocks_of(there.length) || there.length > kChunkSize) {
    co_await fail(Code::malformed, "chunk {}: {} says {} bytes in {} blocks", handle, source.control, there.length,
                  there.checksums.size());
  }
  // It is being written to: only a learner's copy meets that, and looks again when it counts.
  if (there.hashes.empty()) there.hashes.resize(there.checksums.size());
  forget_old_copies();
  gathered_[handle] = endpoint_.executor().now();
  std::vector<ChunkStore::AtHand> here = co_await store_.begin_copy(handle);
  bus::MakeEqual::Reply reply;
  Fetching fetching{handle, version, source, there.length, rate};
  std::vector<Task<>> fetches;
  for (const Run& run : missing(there, here, rate == 0 ? kRunMax : kRunMaxPaced))
    fetches.push_back(fetch(&fetching, run));
  std::vector<Result<>> fetched = co_await all_of(std::move(fetches));
  reply.copied = fetching.copied;
  for (Result<>& one : fetched) co_await std::move(one);
  if (version.value == 0) co_return reply;

  CopyTarget target;
  target.state.version = there.version;
  target.state.serial = there.serial;
  target.state.length = there.length;
  target.state.sealed = there.sealed;
  target.checksums = std::move(there.checksums);
  target.hashes = std::move(there.hashes);
  if (mutant_ != "records_not_copied") target.records = co_await AppendRecords::decode(there.payload.view());
  target.state.digest =
      state_digest(target.state.length, target.state.sealed, target.checksums, target.records.digest());
  co_await store_.install_copy(handle, version, std::move(target));
  gathered_.erase(handle);
  PROBE("a replica was made equal");
  log::info("made_equal",
            {{"chunk", handle}, {"version", version}, {"source", source.control}, {"copied", reply.copied}});
  reply.state = co_await store_.state(handle);
  co_return reply;
}

Task<bus::InspectChunk::Reply> MakeEqual::inspect(ChunkHandle handle, bus::Member source) {
  for (int attempt = 1;; ++attempt) {
    bus::InspectChunk ask{handle, true, true};
    bus::CallOptions options;
    options.deadline = kInspectTime;
    Result<bus::InspectChunk::Reply> there =
        co_await endpoint_.call(bus::Peer::at(source.control), std::move(ask), options).outcome();
    if (there) co_return std::move(*there);
    if (attempt == kTries || !may_pass(there.error().code)) co_await fail(std::move(there));
  }
}

std::vector<MakeEqual::Run> MakeEqual::missing(const bus::InspectChunk::Reply& source,
                                               const std::vector<ChunkStore::AtHand>& here, std::uint32_t at_most) {
  std::vector<Run> runs;
  for (std::uint32_t block = 0; block < source.checksums.size(); ++block) {
    const std::uint32_t size = bytes_in_block(source.length, block);
    const BlockAtHand wanted{source.checksums[block], size, source.hashes[block]};
    if (block < here.size() && here[block] == wanted) continue;
    if (!runs.empty() && runs.back().first + runs.back().count == block && runs.back().count < at_most) {
      ++runs.back().count;
    } else {
      runs.push_back({block, 1});
    }
  }
  return runs;
}

// Before a slot is taken: what writers wait for must not queue behind it.
Task<> MakeEqual::pace(Fetching* fetching, std::uint64_t bytes) {
  if (fetching->rate == 0) co_return;
  const Instant now = endpoint_.executor().now();
  const Instant turn = std::max(now, fetching->next);
  fetching->next = turn + std::chrono::nanoseconds(bytes * 1'000'000'000 / fetching->rate);
  while (endpoint_.executor().now() < turn && !fetching->failed)
    co_await endpoint_.executor().sleep(std::min<Duration>(turn - endpoint_.executor().now(), 1s));
}

// `fetching` is in the frame of the copy, which waits for all its runs.
Task<> MakeEqual::fetch(Fetching* fetching, Run run) {
  const ChunkHandle handle = fetching->handle;
  const std::uint64_t begin = std::uint64_t{run.first} * kBlockSize;
  co_await pace(fetching, std::min<std::uint64_t>(std::uint64_t{run.count} * kBlockSize, fetching->length - begin));
  Semaphore::Held slot = co_await fetches_.take(1);
  for (int attempt = 1;; ++attempt) {
    // One that failed fails the copy: the others give their turns to other copies.
    if (fetching->failed) co_await fail(Code::cancelled, "chunk {}: another part of it could not be copied", handle);
    std::optional<ChunkInfo> here = store_.find(handle);
    if (fetching->version.value != 0 && (!here || here->fence != fetching->version)) {
      co_await fail(Code::stale_version, "chunk {} version {}: another one was promised meanwhile", handle,
                    fetching->version);
    }
    bus::ReadReplica ask;
    ask.handle = handle;
    ask.offset = begin;
    ask.size = std::min<std::uint64_t>(std::uint64_t{run.count} * kBlockSize, fetching->length - begin);
    const std::uint64_t size = ask.size;
    bus::CallOptions options;
    options.deadline = kFetchTime;
    Result<bus::ReadReplica::Reply> got =
        co_await endpoint_.call(bus::Peer::at(fetching->source.control), std::move(ask), options).outcome();
    if (got && got->payload.size() != size) {
      got = fail(Code::stale_version, "chunk {}: {} has become shorter meanwhile", handle, fetching->source.control);
    }
    Result<> done;
    if (got) done = verify_wire(begin, got->payload, got->crcs);
    if (got && done)
      done = co_await store_.copy_blocks(handle, run.first, std::move(got->payload), std::move(got->crcs)).outcome();
    if (got && done) {
      fetching->copied += size;
      co_return;
    }
    Error error = got ? std::move(done).error() : std::move(got).error();
    if (attempt < kTries && may_pass(error.code)) continue;
    fetching->failed = true;
    co_await fail(std::move(error));
  }
}

void MakeEqual::forget_old_copies() {
  const Instant now = endpoint_.executor().now();
  std::erase_if(gathered_, [&](const auto& one) {
    auto flow = flows_.lower_bound({one.first, Version{}});
    const bool under_way = flow != flows_.end() && flow->first.first == one.first;
    if (under_way || now - one.second < kGatheredKept) return false;
    store_.drop_copy(one.first);
    return true;
  });
}

}  // namespace gfs::chunkserver
