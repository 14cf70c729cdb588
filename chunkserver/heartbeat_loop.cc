#include "chunkserver/heartbeat_loop.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "bus/messages/client_master.h"

namespace gfs::chunkserver {

namespace {

constexpr Duration kCallTime = 3s;
constexpr Duration kRetryMax = 2s;
constexpr std::size_t kDamagesMax = 4096;
constexpr std::size_t kReasonMax = 256;

}  // namespace

HeartbeatLoop::HeartbeatLoop(bus::Endpoint& endpoint, Disk& disk, DiskSet& store, Session& session,
                             MasterMemory& memory, Identity identity, Surroundings surroundings)
    : endpoint_(endpoint),
      disk_(disk),
      store_(store),
      session_(session),
      memory_(memory),
      identity_(identity),
      surroundings_(std::move(surroundings)) {}

Task<> HeartbeatLoop::run() {
  Duration pause = 100ms;
  while (true) {
    Result<> joined = co_await join().outcome();
    if (!joined) {
      accepted_ = false;
      if (joined.error().code == Code::wrong_cluster && !ever_registered_) co_await std::move(joined);
      log::write_limited(joined.error().code == Code::refused ? log::Level::error : log::Level::warn, "not_registered",
                         {{"master", surroundings_.masters[at_]}, {"reason", joined.error().text()}});
      move_on();
      co_await endpoint_.executor().sleep(endpoint_.random().jitter(pause));
      pause = std::min(pause * 2, kRetryMax);
      continue;
    }
    pause = 100ms;
    while (co_await beat()) {
    }
    registered_ = accepted_ = false;
  }
}

template <class Reply>
Task<> HeartbeatLoop::follow(Reply reply) {
  const bus::LogPosition said{reply.epoch, reply.term, reply.index, reply.check};
  co_await memory_.check(identity_.server, said);
  co_await memory_.note(identity_.cluster, said, reply.now_ms);
}

Result<> HeartbeatLoop::check_order(const bus::Peer& from) const {
  if (accepted_ && from == master()) return {};
  return fail(Code::unavailable, "server {} obeys the master that it is registered with, and nobody else",
              identity_.server);
}

Task<> HeartbeatLoop::join() {
  co_await say_hello();
  co_await register_here();
  co_await report_chunks();
  registered_ = true;
  ever_registered_ = true;
  log::info("registered",
            {{"master", surroundings_.masters[at_]}, {"server", identity_.server}, {"chunks", store_.count()}});
  if (on_registered) on_registered();
}

Task<> HeartbeatLoop::say_hello() {
  bus::Hello hello;
  hello.program = "gfs-chunkserver " GFS_VERSION;
  bus::CallOptions options;
  options.deadline = kCallTime;
  Result<bus::Hello::Reply> reply = co_await endpoint_.call(master(), std::move(hello), options).outcome();
  if (!reply && reply.error().code == Code::wrong_cluster) {
    co_await fail(Code::wrong_cluster, "this directory belongs to cluster {}: {} says: {}", identity_.cluster,
                  surroundings_.masters[at_], reply.error().message);
  }
  bus::Hello::Reply said = co_await std::move(reply);
  if (said.cluster.nil())
    co_await fail(Code::malformed, "the master at {} names no cluster", surroundings_.masters[at_]);
  if (!identity_.cluster.nil() && said.cluster != identity_.cluster) {
    co_await fail(Code::wrong_cluster, "this directory belongs to cluster {}, the master at {} to cluster {}",
                  identity_.cluster, surroundings_.masters[at_], said.cluster);
  }
  endpoint_.set_cluster(said.cluster);
}

Task<> HeartbeatLoop::register_here() {
  co_await store_.measure_space();
  const DiskSet::Totals totals = store_.totals();
  bus::RegisterServer ask;
  ask.server = identity_.server;
  ask.session = session_.id();
  ask.control = surroundings_.control;
  ask.data = surroundings_.data;
  ask.rack = surroundings_.rack;
  ask.capacity = totals.capacity;
  ask.free = totals.free;
  ask.used = totals.used;
  ask.chunks = store_.count();
  ask.seen = memory_.seen();
  bus::CallOptions options;
  options.deadline = kCallTime;
  const Instant sent = endpoint_.executor().now();
  Result<bus::RegisterServer::Reply> answered = co_await endpoint_.call(master(), std::move(ask), options).outcome();
  // A registration of an earlier life of this server may have come late and ended the session: only a new one is taken.
  if (!answered && answered.error().code == Code::refused) session_.begin_anew(SessionId::random(endpoint_.random()));
  bus::RegisterServer::Reply reply = co_await std::move(answered);
  if (reply.cluster != endpoint_.cluster()) {
    co_await fail(Code::wrong_cluster, "the master at {} registered us in cluster {}, not {}",
                  surroundings_.masters[at_], reply.cluster, endpoint_.cluster());
  }
  if (identity_.cluster.nil()) {
    Identity known = identity_;
    known.cluster = reply.cluster;
    co_await store_.join(known.cluster);
    co_await save_identity(disk_, known);
    identity_ = known;
  }
  co_await follow(reply);
  accepted_ = true;
  lease_ = std::chrono::milliseconds(std::clamp<std::uint64_t>(reply.lease_ms, 100, 3600 * 1000));
  interval_ = std::chrono::milliseconds(std::clamp<std::uint64_t>(reply.heartbeat_ms, 10, 60 * 1000));
  page_ = std::clamp<std::size_t>(reply.report_page, 1, 16384);
  session_.answered(sent, lease_, endpoint_.executor().now());
  heard(reply.now_ms);
}

Task<> HeartbeatLoop::report_chunks() {
  ChunkHandle after;
  while (true) {
    std::vector<ChunkInfo> held = store_.page(after, page_);
    bus::ReportChunks page;
    page.server = identity_.server;
    page.session = session_.id();
    page.after = after;
    page.last = held.size() < page_;
    for (const ChunkInfo& chunk : held)
      page.chunks.push_back({chunk.handle, chunk.version, chunk.length, chunk.damaged, chunk.suspect, chunk.sealed});
    if (!held.empty()) after = held.back().handle;
    const bool last = page.last;
    bus::CallOptions options;
    options.deadline = kCallTime;
    bus::ReportChunks::Reply reply = co_await endpoint_.call(master(), std::move(page), options);
    if (!reply.known)
      co_await fail(Code::unavailable, "the master at {} does not know us any more", surroundings_.masters[at_]);
    if (last) co_return;
  }
}

void HeartbeatLoop::report_damage(ChunkHandle handle, std::uint32_t block, std::string reason, bool mended) {
  if (damages_.size() >= kDamagesMax) return;  // the full report of the next registration says it
  bus::ReportDamage damage;
  damage.server = identity_.server;
  damage.session = session_.id();
  damage.handle = handle;
  damage.block = block;
  damage.reason = std::move(reason);
  damage.mended = mended;
  damages_.push_back(std::move(damage));
}

Task<> HeartbeatLoop::report_damages() {
  while (!damages_.empty()) {
    bus::ReportDamage damage = damages_.front();
    bus::CallOptions options;
    options.deadline = kCallTime;
    Result<bus::Done> told = co_await endpoint_.call(master(), std::move(damage), options).outcome();
    if (!told && told.error().outcome() == Outcome::may_have_happened) co_return;
    if (!told && told.error().code == Code::unreachable) co_return;
    damages_.pop_front();
  }
}

// False: start again with hello and registration, perhaps elsewhere.
Task<bool> HeartbeatLoop::beat() {
  // A beat that was not answered takes nothing from the time until the next one.
  const Duration gone = endpoint_.executor().now() - last_beat_;
  co_await endpoint_.executor().sleep(std::clamp<Duration>(interval_ - gone, interval_ / 10, interval_));
  last_beat_ = endpoint_.executor().now();
  (void)co_await store_.measure_space().outcome();  // as it was, if it does not answer
  const DiskSet::Totals totals = store_.totals();
  bus::Heartbeat ask;
  ask.server = identity_.server;
  ask.session = session_.id();
  ask.capacity = totals.capacity;
  ask.free = totals.free;
  ask.used = totals.used;
  ask.disks = store_.disks();
  ask.chunks = store_.count();
  ask.seen = memory_.seen();
  ask.quarantined = store_.quarantined().size();
  ask.quarantined_bytes = store_.quarantined().bytes();
  ask.quarantined_since_ms = store_.quarantined().oldest();
  ask.paces = paces_.tell(endpoint_.executor().now());
  bus::CallOptions options;
  options.deadline = std::max<Duration>(interval_, 1s);  // one lost beat must not make the next one overdue
  const Instant sent = endpoint_.executor().now();
  Result<bus::Heartbeat::Reply> reply = co_await endpoint_.call(master(), std::move(ask), options).outcome();
  Result<> followed;
  if (reply && reply->known) followed = co_await follow(*reply).outcome();
  if (!followed) reply = fail(std::move(followed));
  if (!reply) {
    log::write_limited(log::Level::warn, "heartbeat_failed",
                       {{"master", surroundings_.masters[at_]}, {"reason", reply.error().text()}});
    if (reply.error().code == Code::refused) {
      PROBE("a master that was followed is refused");
      move_on();
      co_return false;
    }
    if (surroundings_.masters.size() == 1) co_return true;  // the same session, as soon as it answers again
    move_on();
    co_return false;
  }
  if (!reply->known) {
    log::info("unknown_to_master", {{"master", surroundings_.masters[at_]}});
    co_return false;
  }
  session_.answered(sent, lease_, endpoint_.executor().now());
  heard(reply->now_ms);
  co_await report_damages();
  if (!std::exchange(changed_, false)) co_return true;
  // What it was told by orders does not hold either: the master begins with an empty page only with a new session.
  session_.begin_anew(SessionId::random(endpoint_.random()));
  co_return false;
}

void HeartbeatLoop::heard(std::int64_t master_ms) {
  if (master_ms <= master_now()) return;
  master_ms_ = master_ms;
  master_at_ = endpoint_.executor().now();
}

std::int64_t HeartbeatLoop::master_now() const {
  return master_ms_ == 0 ? 0 : master_ms_ + to_ms(endpoint_.executor().now() - master_at_);
}

Task<> HeartbeatLoop::accuse(ChunkHandle handle, Version version, ServerId accused, bool confessed, Error error) {
  bus::AccuseMember ask;
  ask.server = identity_.server;
  ask.session = session_.id();
  ask.handle = handle;
  ask.version = version;
  ask.accused = accused;
  ask.code = static_cast<std::uint16_t>(error.code);
  ask.confessed = confessed;
  ask.reason = error.message.substr(0, kReasonMax);
  bus::CallOptions options;
  options.deadline = kCallTime;
  Result<bus::AccuseMember::Reply> decided = co_await endpoint_.call(master(), std::move(ask), options).outcome();
  if (!decided) {
    log::write_limited(log::Level::warn, "accusation_not_heard",
                       {{"chunk", handle}, {"accused", accused}, {"reason", decided.error().text()}});
  }
}

Task<> HeartbeatLoop::report_sealed(ChunkHandle handle, Version version, std::uint64_t length) {
  bus::ChunkSealed report{identity_.server, session_.id(), handle, version, length};
  bus::CallOptions options;
  options.deadline = kCallTime;
  (void)co_await endpoint_.call(master(), std::move(report), options);
}

Task<bus::FindChunk::Reply> HeartbeatLoop::find_chunk(ChunkHandle handle) {
  if (!registered_) co_await fail(Code::unavailable, "no master has registered this server");
  bus::FindChunk ask{handle};
  bus::CallOptions options;
  options.deadline = kCallTime;
  co_return co_await endpoint_.call(master(), std::move(ask), options);
}

void HeartbeatLoop::move_on() { at_ = (at_ + 1) % surroundings_.masters.size(); }

Task<> HeartbeatLoop::leave() {
  if (!registered_) co_return;
  bus::Heartbeat ask;
  ask.server = identity_.server;
  ask.session = session_.id();
  const DiskSet::Totals totals = store_.totals();
  ask.capacity = totals.capacity;
  ask.free = totals.free;
  ask.used = totals.used;
  ask.chunks = store_.count();
  ask.leaving = true;
  bus::CallOptions options;
  options.deadline = 500ms;
  (void)co_await endpoint_.call(master(), std::move(ask), options).outcome();
}

}  // namespace gfs::chunkserver
