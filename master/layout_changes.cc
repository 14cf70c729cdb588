// LayoutService: what others want changed in a chunk: a primary that accuses, an operator who revokes, a loop that
// heals, a client that cuts.
#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "master/epoch.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr int kRoundsMax = 8;
constexpr std::size_t kTextMax = 256;
constexpr std::size_t kReleasesAtOnce = 64;
constexpr Duration kReleaseTime = 1s;

Standpoint* find(Situation& situation, ServerId server) {
  auto found = std::find_if(situation.members.begin(), situation.members.end(),
                            [&](const Standpoint& one) { return one.server == server; });
  return found == situation.members.end() ? nullptr : &*found;
}

// Who should lead when the accuser should not any more: somebody who has no part in it, else the accused.
ServerId arbiter(const Situation& situation, ServerId accuser, ServerId accused) {
  for (const Standpoint& one : situation.members) {
    const bool fit = one.counts && one.up && one.standing == Standing::sound;
    if (fit && one.server != accuser && one.server != accused) return one.server;
  }
  return accused;
}

// A file that is being cut is in between: no snapshot is made of it meanwhile.
class Cutting {
 public:
  explicit Cutting(std::multiset<InodeId>& files) : files_(files) {}
  ~Cutting() {
    if (at_) files_.erase(*at_);
  }
  Cutting(const Cutting&) = delete;
  Cutting& operator=(const Cutting&) = delete;
  bool of(InodeId file) const { return at_ && **at_ == file; }
  void begin(InodeId file) {
    if (at_) files_.erase(*at_);
    at_ = files_.insert(file);
  }

 private:
  std::multiset<InodeId>& files_;
  std::optional<std::multiset<InodeId>::iterator> at_;
};

}  // namespace

Task<bus::AccuseMember::Reply> LayoutService::accuse_member(bus::AccuseMember ask, bus::Caller) {
  if (!state_.chunks().has(ask.handle)) co_await fail(Code::not_found, "chunk {} does not exist any more", ask.handle);
  auto current = [this, handle = ask.handle] {
    const std::optional<Chunk> chunk = state_.chunks().find(handle);
    return chunk ? chunk->configuration.version : Version{};
  };
  // Only the primary of the configuration as it is has a say.
  auto stands = [this, &ask] {
    const std::optional<Chunk> chunk = state_.chunks().find(ask.handle);
    const Server* accuser = servers_.find(ask.server);
    return chunk && chunk->configuration.version == ask.version && chunk->configuration.primary == ask.server &&
           chunk->configuration.has(ask.accused) && accuser != nullptr && accuser->session == ask.session;
  };
  if (!stands()) co_return bus::AccuseMember::Reply{current()};
  const bool confessed = ask.confessed || ask.accused == ask.server;
  bool heard = !servers_.overdue(ask.accused, now());
  if (heard && !confessed) {
    ServerProbe::Answer answer = co_await probe_.look(ask.accused);
    // One lost message should not cost a replica.
    if (answer == ServerProbe::Answer::silent) answer = co_await probe_.look(ask.accused);
    heard = answer == ServerProbe::Answer::alive;
    if (!stands()) co_return bus::AccuseMember::Reply{current()};
  }
  const Chunk chunk = *state_.chunks().find(ask.handle);
  const bool mendable = confessed && static_cast<Code>(ask.code) == Code::suspect;
  if (mendable) servers_.note_suspect(ask.accused, ask.handle);
  Situation situation = this->situation(ask.handle, chunk);
  Standpoint& accused = *find(situation, ask.accused);
  Accusations::Verdict verdict = Accusations::Verdict::remove;
  if (mendable) {
    situation.renew = true;  // it stays, and is made equal
  } else {
    verdict = accusations_.weigh(
        {ask.handle, ask.version, ask.server, ask.accused, confessed || !accused.counts, heard}, now());
  }
  log::warn("member_accused", {{"chunk", ask.handle},
                               {"version", ask.version},
                               {"accuser", ask.server},
                               {"accused", ask.accused},
                               {"confessed", confessed},
                               {"heard", heard},
                               {"removed", verdict == Accusations::Verdict::remove && !mendable},
                               {"why", ask.reason.substr(0, kTextMax)}});
  if (verdict == Accusations::Verdict::move_primary) {
    PROBE("an accusation moves the primaryship");
    situation.lead = arbiter(situation, ask.server, ask.accused);
    situation.follow = ask.server;
  } else if (!mendable) {
    PROBE("an accusation removes a member");
    if (accused.standing != Standing::away && accused.standing != Standing::missing)
      accused.standing = Standing::failing;
    accused.why = fmt::format("accused by server {}: {}", ask.server, ask.reason.substr(0, kTextMax));
  }
  Result<bool> changed = co_await change(ask.handle, chunk, std::move(situation)).outcome();
  if (!changed) co_await fail(Code::unavailable, "{}", changed.error().message);
  group_.spawn(activate(ask.handle, {}));
  co_return bus::AccuseMember::Reply{current()};
}

// The primary cannot make a version active because of this member, for a while already: its word weighs as much as in
// an accusation.
Task<> LayoutService::hear_primary(ChunkHandle handle, Chunk chunk, ServerId accused, bool heard) {
  const ServerId accuser = chunk.configuration.primary;
  const bool counted = counts(accused, handle, chunk.configuration);
  if (accusations_.weigh({handle, chunk.configuration.version, accuser, accused, !counted, heard}, now()) ==
      Accusations::Verdict::remove)
    co_return;
  PROBE("a primary that cannot reach a member is replaced");
  suspicions_.erase({handle, accused});
  Situation moved = situation(handle, chunk);
  moved.lead = arbiter(moved, accuser, accused);
  moved.follow = accuser;
  (void)co_await change(handle, std::move(chunk), std::move(moved));
}

// A client cannot use this member. Whether it is gone is seen at once; if it is not, another one leads: a link may
// carry what is small, heartbeats among it, and swallow the bytes that are to be written. Once for each version: the
// word of a client costs a new version, never a replica.
Task<> LayoutService::look_at(ServerId server, ChunkHandle handle, Version failed) {
  const auto concerns = [&](const std::optional<Chunk>& chunk) { return chunk && chunk->configuration.has(server); };
  if (server.nil() || !concerns(state_.chunks().find(handle))) co_return;
  co_await check_on(server);
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!concerns(chunk) || chunk->configuration.primary != server || chunk->configuration.version != failed) co_return;
  Situation moved = situation(handle, *chunk);
  moved.lead = arbiter(moved, server, server);
  moved.follow = server;
  if (moved.lead == server) co_return;
  PROBE("a client that cannot use a primary gets another one");
  (void)co_await change(handle, *chunk, std::move(moved)).outcome();
}

Task<bus::RevokeLease::Reply> LayoutService::revoke_lease(bus::RevokeLease ask, bus::Caller caller) {
  ReconfigureOp asked;
  asked.handle = ask.handle;
  const std::uint32_t digest = digest_of(asked);
  auto index = caller.index ? caller.index : std::make_shared<std::uint64_t>(0);
  for (int round = 0; round < kRoundsMax; ++round) {
    std::optional<Chunk> found = state_.chunks().find(ask.handle);
    if (!found) co_await fail(Code::not_found, "chunk {} does not exist", ask.handle);
    std::optional<Decision> decided = state_.repeated({caller.request, digest, 0});
    if (decided && !decided->ok()) co_await fail(decided->error());
    if (!decided) {
      const Version before = found->configuration.version;
      Situation without = situation(ask.handle, *found);
      without.renew = true;
      without.follow = found->configuration.primary;
      (void)co_await change(ask.handle, *found, std::move(without), {caller.request, digest, index});
      group_.spawn(activate(ask.handle, {}));
      found = state_.chunks().find(ask.handle);
      if (!found || found->configuration.version == before) continue;
    } else {
      *index = decided->index;
    }
    co_return bus::RevokeLease::Reply{found->configuration.version, found->configuration.primary};
  }
  co_await fail(Code::unavailable, "chunk {}: its configuration changes all the time", ask.handle);
  co_return bus::RevokeLease::Reply{};
}

Task<> LayoutService::enlist(ChunkHandle handle, ServerId learner) {
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk || chunk->configuration.virgin || chunk->configuration.has(learner)) co_return;
  Situation larger = situation(handle, *chunk);
  larger.enlist = learner;
  (void)co_await change(handle, *chunk, std::move(larger));
  co_await activate(handle, {});
}

Task<bus::FileInfo> LayoutService::truncate(bus::Truncate ask, bus::Caller caller) {
  const std::uint64_t size_max = state_.chunk_size() * kChunksMax;
  if (ask.size > size_max) co_await fail(Code::too_large, "{} bytes: a file has at most {}", ask.size, size_max);
  TruncateOp asked;
  asked.path = ask.path;
  asked.size = ask.size;
  const std::uint32_t digest = digest_of(asked);
  const std::uint64_t rest = ask.size % state_.chunk_size();
  Version failed;
  bool begun = false;  // bytes may be gone already
  std::string why = "others change it all the time";
  Cutting cutting(cutting_);
  for (int round = 0; round < kRoundsMax; ++round) {
    TruncateOp op = asked;
    const bool repeat = state_.repeated({caller.request, digest, 0}).has_value();
    Result<InodeId> inode = state_.names().find(ask.path);
    // What cannot be is decided (and remembered) where everything is: by the op.
    if (!repeat && inode && file(*inode) && state_.names().check_changeable(*inode)) {
      if (!cutting.of(*inode)) {
        co_await unfrozen(*inode);
        if (state_.names().inode(*inode) == nullptr) continue;
        cutting.begin(*inode);
      }
      op.inode = *inode;
      if (rest != 0) {
        Result<ChunkHandle> last =
            co_await own(*inode, static_cast<std::uint32_t>(ask.size / state_.chunk_size())).outcome();
        if (!last) {
          why = last.error().text();
          co_await endpoint_->executor().sleep(100ms);
          continue;
        }
        op.cut = *last;
      }
    }
    if (op.inode.value != 0) {
      begun = begun || behind(op.inode, ask.size).size() > settings_.cut_max;
      Result<std::vector<EndedChunk>> ended = co_await end_behind(ask.path, op.inode, ask.size).outcome();
      if (!ended) {
        PROBE("a chunk that a cut takes away could not be ended at the first try");
        why = ended.error().text();
        co_await endpoint_->executor().sleep(100ms);
        continue;
      }
      op.ended = *std::move(ended);
    }
    if (op.cut.value != 0) {
      const Result<> ready = co_await make_ready(op.cut, failed).outcome();
      if (!ready) {
        why = ready.error().text();
        co_await endpoint_->executor().sleep(100ms);
        continue;
      }
      const std::optional<Chunk> chunk = state_.chunks().find(op.cut);
      const Server* primary = chunk ? servers_.find(chunk->configuration.primary) : nullptr;
      if (primary == nullptr) continue;
      op.version = chunk->configuration.version;
      begun = true;
      // Never one that was given before, or the order would do nothing.
      last_cut_ =
          std::max(last_cut_ + 1, cuts_of(settings_.epoch) + (state_.index() << 8) + static_cast<std::uint64_t>(round));
      bus::TruncateChunk cut{op.cut, op.version, rest, last_cut_};
      bus::Peer peer = bus::Peer::on(primary->route);
      Result<bus::Done> done = co_await endpoint_->call(std::move(peer), std::move(cut)).outcome();
      if (!done) {
        PROBE("a chunk could not be cut at the first try");
        failed = op.version;
        why = done.error().text();
        co_await endpoint_->executor().sleep(100ms);
        continue;
      }
    }
    Result<Decision> decided = co_await journal_.commit(std::move(op), caller.request, digest, caller.index).outcome();
    if (!decided && decided.error().code == Code::conflict) continue;
    Decision cut = co_await std::move(decided);
    cut.info.path = std::move(ask.path);
    co_return std::move(cut.info);
  }
  co_await fail(begun ? Code::replica_failed : Code::unavailable, "{} cannot be cut: {}", ask.path, why);
  co_return bus::FileInfo{};
}

std::vector<ChunkHandle> LayoutService::behind(InodeId inode, std::uint64_t size) const {
  const std::uint64_t first = (size + state_.chunk_size() - 1) / state_.chunk_size();
  return state_.chunks().range(inode, static_cast<std::uint32_t>(first), kChunksMax);
}

// The primaries of chunks that go with a cut take nothing more before they are gone, or what they still acknowledged
// would be nowhere.
Task<std::vector<EndedChunk>> LayoutService::end_behind(std::string path, InodeId inode, std::uint64_t size) {
  while (true) {
    std::vector<ChunkHandle> last = behind(inode, size);
    const bool all = last.size() <= settings_.cut_max;
    if (!all) last.erase(last.begin(), last.end() - static_cast<std::ptrdiff_t>(settings_.cut_max));
    co_await end_all(last);
    std::vector<EndedChunk> ended;
    for (ChunkHandle handle : last) {
      if (auto found = ended_.find(handle); found != ended_.end()) ended.push_back({handle, found->second});
    }
    if (all) co_return ended;
    PROBE("a long file is cut in steps");
    const std::optional<Chunk> first = state_.chunks().find(last.front());
    if (!first) continue;
    TruncateOp step;
    step.path = path;
    step.inode = inode;
    step.size = first->index * state_.chunk_size();
    step.ended = std::move(ended);
    step.partly = true;
    (void)co_await journal_.commit(std::move(step));
  }
}

Task<> LayoutService::end_all(std::vector<ChunkHandle> handles) {
  std::vector<Task<>> releases;
  for (auto at = handles.begin(); at != handles.end();) {
    for (; at != handles.end() && releases.size() < kReleasesAtOnce; ++at) {
      const std::optional<Chunk> chunk = state_.chunks().find(*at);
      if (!chunk || chunk->shared()) continue;  // frozen
      auto ended = ended_.find(*at);
      if (ended != ended_.end() && ended->second == chunk->configuration.version) continue;
      releases.push_back(end(*at));
    }
    if (releases.empty()) continue;
    std::vector<Result<>> results = co_await all_of(std::exchange(releases, {}));
    for (Result<>& result : results) co_await std::move(result);
  }
}

// Only of a version that is active its primary's word is enough: while one is merely logged, the primary before may go
// on with all members. Once told, a primary never leads that version again. One that cannot be told is not taken for
// one that ended: it may serve its clients as before, only we do not hear it. Another member has to lead, and end, or
// the session of who led last has to be certainly over.
Task<> LayoutService::end(ChunkHandle handle) {
  std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk) co_return;
  Result<> ready;
  if (!is_led(handle, *chunk)) ready = co_await make_ready(handle, {}).outcome();
  chunk = state_.chunks().find(handle);
  if (!chunk) co_return;
  const Configuration configuration = chunk->configuration;
  auto active = active_.find(handle.value);
  const bool was_active = active != active_.end() && active->second.version == configuration.version;
  if (ready && is_led(handle, *chunk)) {
    bus::ReleaseChunk release{handle, configuration.version};
    bus::CallOptions options;
    options.deadline = kReleaseTime;
    bus::Peer peer = bus::Peer::on(servers_.find(configuration.primary)->route);
    (void)co_await endpoint_->call(std::move(peer), std::move(release), options);
    active_.erase(handle.value);
  } else if (const Duration left = session_left(configuration.primary); !was_active || left > Duration{}) {
    co_await fail(Code::unavailable, "chunk {} version {}: its primary, server {}, cannot be told to end it: {}",
                  handle, configuration.version, configuration.primary, ready ? "it went away" : ready.error().message);
  }
  ended_[handle] = configuration.version;
}

}  // namespace gfs::master
