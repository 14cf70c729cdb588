// LayoutService: files that take appends. In such a file every chunk that has a successor is sealed, and the successor
// takes over what the sealed one remembers of appends before it takes any itself.
#include "base/log.h"
#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr int kRoundsMax = 8;
constexpr Duration kSealTime = 10s;

}  // namespace

Task<bus::LocateForAppend::Reply> LayoutService::locate_for_append(bus::LocateForAppend ask, bus::Caller) {
  const Inode* inode = co_await file(ask.inode);
  co_await state_.names().check_changeable(ask.inode);
  if (!inode->appends) {
    MarkAppendOp op{ask.inode};
    (void)co_await journal_.commit(std::move(op));
  }
  for (int round = 0; round < kRoundsMax; ++round) {
    (void)co_await file(ask.inode);
    co_await unfrozen(ask.inode);
    const std::uint32_t end = state_.chunks().end(ask.inode);
    ChunkHandle last = end > 0 ? state_.chunks().at(ask.inode, end - 1) : ChunkHandle{};
    if (last.value == 0 || state_.chunks().find(last)->sealed) {
      (void)co_await allocate(ask.inode, end);
      continue;
    }
    const ChunkHandle before = last;
    last = co_await own(ask.inode, end - 1);
    if (last.value == 0) continue;
    co_await look_at(ask.unreachable, last, ask.failed);
    co_await make_ready(last, last == before ? ask.failed : Version{});
    // Somebody may have sealed it meanwhile, or given it a successor, or frozen it.
    const std::optional<Chunk> chunk = state_.chunks().find(last);
    const bool still_last = state_.chunks().end(ask.inode) == end && state_.chunks().at(ask.inode, end - 1) == last;
    if (!chunk || chunk->sealed || !still_last || has_to_be_frozen(last, *chunk)) continue;
    bus::LocateForAppend::Reply reply;
    reply.layout = layout(*chunk, last, false);
    reply.now_ms = journal_.now();
    co_return reply;
  }
  co_await fail(Code::unavailable, "file {}: its end moves too fast", ask.inode);
  co_return bus::LocateForAppend::Reply{};
}

Task<bus::Done> LayoutService::chunk_sealed(bus::ChunkSealed ask, bus::Caller caller) {
  const std::optional<Chunk> chunk = state_.chunks().find(ask.handle);
  if (!chunk) co_await fail(Code::not_found, "chunk {} does not exist any more", ask.handle);
  const Configuration& configuration = chunk->configuration;
  if (configuration.version != ask.version) {
    co_await fail(Code::stale_version, "chunk {} has version {}, not {}", ask.handle, configuration.version,
                  ask.version);
  }
  const Server* primary = servers_.find(ask.server);
  if (configuration.primary != ask.server || primary == nullptr || primary->session != ask.session) {
    co_await fail(Code::not_primary, "chunk {} version {}: server {} is not its primary, or not in this life",
                  ask.handle, ask.version, ask.server);
  }
  if (is_mutant("seal_not_logged")) co_return bus::Done{};
  SealChunkOp op{ask.handle, ask.version, ask.length};
  Result<Decision> sealed = co_await journal_.commit(std::move(op), {}, 0, caller.index).outcome();
  if (!sealed && sealed.error().code == Code::conflict)
    co_await fail(Code::stale_version, "{}", sealed.error().message);
  co_await std::move(sealed);
  log::info("chunk_sealed", {{"chunk", ask.handle}, {"version", ask.version}, {"length", ask.length}});
  co_return bus::Done{};
}

Task<> LayoutService::seal(ChunkHandle handle) {
  Version failed;
  std::string why;
  for (int round = 0; round < kRoundsMax; ++round) {
    std::optional<Chunk> chunk = state_.chunks().find(handle);
    if (!chunk || chunk->sealed) co_return;
    if (has_to_be_frozen(handle, *chunk)) {
      co_await unfrozen(chunk->inode);
      chunk = state_.chunks().find(handle);
      if (!chunk || chunk->shared()) break;  // by now it has to be copied
      continue;
    }
    co_await make_ready(handle, failed);
    chunk = state_.chunks().find(handle);
    if (!chunk || chunk->sealed) co_return;
    const Version version = chunk->configuration.version;
    const Server* primary = servers_.find(chunk->configuration.primary);
    if (primary == nullptr) continue;
    bus::SealChunk ask{handle, version};
    bus::CallOptions options;
    options.deadline = kSealTime;
    bus::Peer peer = bus::Peer::on(primary->route);
    Result<bus::SealChunk::Reply> sealed = co_await endpoint_->call(std::move(peer), std::move(ask), options).outcome();
    if (!sealed) {
      PROBE("a chunk could not be sealed at the first try");
      failed = version;
      why = sealed.error().text();
      co_await endpoint_->executor().sleep(100ms);
      continue;
    }
    SealChunkOp op{handle, version, sealed->length};
    Result<Decision> logged = co_await journal_.commit(std::move(op)).outcome();
    if (!logged && logged.error().code != Code::conflict) co_await std::move(logged);
  }
  co_await fail(Code::unavailable, "chunk {} cannot be sealed: {}", handle,
                why.empty() ? "a snapshot was made of it" : why);
}

}  // namespace gfs::master
