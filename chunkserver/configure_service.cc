#include "chunkserver/configure_service.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kMembersMax = 8;
constexpr Duration kStepTime = 1s;   // one try to prepare or to adopt
constexpr Duration kCopyTime = 30s;  // one try to make equal: up to a whole chunk
// Whom it fails at must be told while the master still listens. What could not fetch in this time never will.
constexpr Duration kCopyAgain = 10s;
constexpr int kTries = 3;

bool may_pass(Code code) { return code == Code::deadline || code == Code::lost_link || code == Code::overloaded; }

// Repeats a call that says nothing of the member itself; none is begun after `patience`.
template <class M>
Task<typename M::Reply> patiently(bus::Endpoint& endpoint, bus::Member member, M ask, Duration time,
                                  Duration patience = Duration::max()) {
  const Instant begun = endpoint.executor().now();
  for (int attempt = 1;; ++attempt) {
    bus::CallOptions options;
    options.deadline = time;
    M again = ask;
    Result<typename M::Reply> reply =
        co_await endpoint.call(bus::Peer::at(member.control), std::move(again), options).outcome();
    if (reply) co_return std::move(*reply);
    const bool late = endpoint.executor().now() - begun >= patience;
    if (attempt == kTries || late || !may_pass(reply.error().code)) co_await fail(std::move(reply));
  }
}

}  // namespace

Task<bus::Configure::Reply> ConfigureService::configure(bus::Configure ask, bus::Caller) {
  co_await check(ask);
  const ChunkHandle handle = ask.handle;
  const Version version = ask.version;
  const bool frozen = ask.frozen;
  if (!order_.active(handle, version)) co_await activated(std::move(ask));
  // Another order may have made it active, and wanted it otherwise.
  if (frozen) {
    co_await order_.freeze(handle, version);
  } else if (order_.frozen(handle, version)) {
    co_await fail(Code::conflict, "chunk {} version {}: it is frozen, and stays so", handle, version);
  }
  bus::Configure::Reply reply;
  if (std::optional<ChunkInfo> held = store_.find(handle)) reply.length = held->length;
  co_return reply;
}

Task<> ConfigureService::activated(bus::Configure ask) {
  Promise<void> promise;
  Future<void> active = promise.future();
  const Key key{ask.handle, ask.version};
  const bool first = !flows_.contains(key);
  flows_[key].push_back(std::move(promise));
  if (first) {
    tasks_.spawn(run(std::move(ask)), [this, key](Result<> result) {
      std::vector<Promise<void>> waiters = std::move(flows_[key]);
      flows_.erase(key);
      for (Promise<void>& waiter : waiters) waiter.set(result);
    });
  }
  co_await std::move(active);
}

Result<> ConfigureService::check(const bus::Configure& ask) const {
  if (ask.handle.value == 0 || ask.version.value == 0 || ask.members.empty() || ask.members.size() > kMembersMax) {
    return fail(Code::invalid_argument, "configuration of chunk {} version {} with {} members", ask.handle, ask.version,
                ask.members.size());
  }
  bool named = false;
  for (const bus::Member& member : ask.members) {
    if (member.server == self_) {
      named = true;
    } else if (member.server.nil() || member.control.find("://") == std::string::npos) {
      return fail(Code::invalid_argument, "configuration of chunk {} version {}: a member without id or address",
                  ask.handle, ask.version);
    }
  }
  if (!named) {
    return fail(Code::invalid_argument, "configuration of chunk {} version {}: server {} is not a member", ask.handle,
                ask.version, self_);
  }
  return {};
}

Result<> ConfigureService::may_lead(const bus::Configure& ask) const {
  std::optional<ChunkInfo> held = store_.find(ask.handle);
  if (!held) return {};
  if (held->version > ask.version || held->fence > ask.version) {
    return fail(Code::stale_version, "chunk {} version {}: version {} is held by server {}, {} promised", ask.handle,
                ask.version, held->version, self_, held->fence);
  }
  auto ours = adopted_here_.find(ask.handle);
  const bool before = ours == adopted_here_.end() || ours->second != ask.version;
  if (held->version == ask.version && before && mutant_ != "resume_version_after_restart") {
    return fail(Code::conflict, "chunk {} version {}: server {} adopted it in an earlier life or for another primary",
                ask.handle, ask.version, self_);
  }
  return {};
}

Task<> ConfigureService::run(bus::Configure ask) {
  const Instant ordered = endpoint_.executor().now();
  co_await may_lead(ask);
  bus::ReplicaState base;
  if (!ask.virgin || ask.version.value > 1) {
    std::vector<MemberState> states = co_await prepare(ask);
    // What an earlier version left of a virgin chunk was never acknowledged to anybody: whatever is there will do, also
    // if it is suspect. Where nothing is, it begins empty.
    const bool left = std::ranges::any_of(states, [](const MemberState& one) { return one.held; });
    if (ask.virgin && left) {
      PROBE("a virgin chunk was tried before");
      ask.virgin = false;
      ask.salvage = true;
    }
    if (!ask.virgin) base = co_await settle(ask, std::move(states));
  }
  co_await adopt(ask, base);
  // A newer version may have come meanwhile.
  std::optional<ChunkInfo> held = store_.find(ask.handle);
  if (!held || held->version != ask.version || held->fence > ask.version) {
    co_await fail(Code::stale_version, "chunk {} version {}: a newer version came meanwhile", ask.handle, ask.version);
  }
  const std::size_t members = ask.members.size();
  const ChunkHandle handle = ask.handle;
  const Version version = ask.version;
  order_.activate(std::move(ask), ordered);
  adopted_here_.erase(handle);  // active once: if it ends while the version stands, the next one is needed
  log::debug("version_active", {{"chunk", handle}, {"version", version}, {"members", members}});
}

// A base whose bytes turn out to be rotten says so the next time it is asked: then another one may be better.
Task<bus::ReplicaState> ConfigureService::settle(bus::Configure ask, std::vector<MemberState> states) {
  for (int attempt = 1;; ++attempt) {
    const auto is_damaged = [](const MemberState& one) { return one.state.damaged; };
    const std::ptrdiff_t damaged = std::ranges::count_if(states, is_damaged);
    Result<bus::ReplicaState> base = co_await make_equal(ask, std::move(states)).outcome();
    if (base) co_return *base;
    if (attempt == kTries) co_await fail(std::move(base));
    states = co_await prepare(ask);
    if (std::ranges::count_if(states, is_damaged) <= damaged) co_await fail(std::move(base));
    PROBE("the base of a reconcile turned out to be damaged");
  }
}

Task<std::vector<MemberState>> ConfigureService::prepare(bus::Configure ask) {
  // Our own promise first: whoever led before cannot get all acknowledgements from here on.
  bus::PrepareVersion::Reply own = co_await replica_.prepare(ask.handle, ask.version, self_);
  std::vector<Task<bus::PrepareVersion::Reply>> asked;
  std::vector<bus::Member> others;
  for (const bus::Member& member : ask.members) {
    if (member.server == self_) continue;
    bus::PrepareVersion there{ask.handle, ask.version, self_};
    others.push_back(member);
    asked.push_back(prepare_there(member, std::move(there)));
  }
  std::vector<Result<bus::PrepareVersion::Reply>> answers = co_await all_of(std::move(asked));
  std::vector<Result<>> results;
  for (Result<bus::PrepareVersion::Reply>& answer : answers) {
    results.push_back(answer ? Result<>() : Result<>(fail(answer.error())));
  }
  Error error = failed(ask, "prepare it", others, results);
  if (!error.why.empty()) co_await fail(std::move(error));
  std::vector<MemberState> states;
  auto next = answers.begin();
  for (const bus::Member& member : ask.members) {
    MemberState state;
    state.joining = std::ranges::find(ask.joining, member.server) != ask.joining.end();
    const bus::PrepareVersion::Reply& reply = member.server == self_ ? own : **next++;
    state.held = reply.held;
    state.state = reply.state;
    states.push_back(std::move(state));
  }
  co_return states;
}

Task<bus::PrepareVersion::Reply> ConfigureService::prepare_there(bus::Member member, bus::PrepareVersion ask) {
  return patiently(endpoint_, std::move(member), std::move(ask), kStepTime);
}

Task<bus::ReplicaState> ConfigureService::make_equal(bus::Configure ask, std::vector<MemberState> states) {
  auto own = std::ranges::find(ask.members, self_, &bus::Member::server) - ask.members.begin();
  std::size_t base = co_await choose_base(states, ask.salvage);
  // Of equals we are the base ourselves: nothing has to be fetched here then.
  if (!differs(states[own], states[base].state) && !states[own].joining) base = static_cast<std::size_t>(own);
  const bus::ReplicaState state = states[base].state;
  if (states[base].state.suspect) PROBE("all members were suspect: the most advanced one was taken");
  if (base != static_cast<std::size_t>(own)) PROBE("the new primary was not the most advanced member");
  if (mutant_ == "skip_reconcile") co_return state;
  const bus::Member source = ask.members[base];
  std::vector<Task<>> copies;
  std::vector<bus::Member> copying;
  for (std::size_t i = 0; i < ask.members.size(); ++i) {
    const bool base_to_settle = i == base && states[i].state.suspect;
    if (i == base ? !base_to_settle : !differs(states[i], state)) continue;
    copying.push_back(ask.members[i]);
    if (ask.members[i].server == self_) {
      copies.push_back(make_equal_here(ask.handle, ask.version, source));
    } else {
      bus::MakeEqual there{ask.handle, ask.version, source};
      copies.push_back(make_equal_there(ask.members[i], std::move(there)));
    }
  }
  if (copies.empty()) co_return state;
  log::info("reconciling",
            {{"chunk", ask.handle}, {"version", ask.version}, {"base", source.server}, {"differing", copying.size()}});
  std::vector<Result<>> results = co_await all_of(std::move(copies));
  Error error = failed(ask, "become equal", copying, results);
  if (!error.why.empty()) co_await fail(std::move(error));
  co_return state;
}

Task<> ConfigureService::make_equal_there(bus::Member member, bus::MakeEqual ask) {
  (void)co_await patiently(endpoint_, std::move(member), std::move(ask), kCopyTime, kCopyAgain);
}

Task<> ConfigureService::make_equal_here(ChunkHandle handle, Version version, bus::Member source) {
  (void)co_await copies_.run(handle, version, std::move(source));
}

Task<> ConfigureService::adopt(bus::Configure ask, bus::ReplicaState base) {
  bus::AdoptVersion adoption{ask.handle, ask.version, self_, ask.virgin, base, {}};
  std::vector<bus::Member> others;
  for (const bus::Member& member : ask.members) {
    if (member.server == self_) {
      adoption.address = member.control;
    } else {
      others.push_back(member);
    }
  }
  // Of a virgin chunk our adoption is the fence. Else the promise was, and we hold the version when all others do: a
  // process that finds itself at a version may have been its active primary.
  if (ask.virgin) {
    (void)co_await replica_.adopt(adoption);
    adopted_here_[ask.handle] = ask.version;
  }
  std::vector<Task<>> adoptions;
  for (const bus::Member& member : others) adoptions.push_back(adopt_there(member, adoption));
  std::vector<Result<>> adopted = co_await all_of(std::move(adoptions));
  Error error = failed(ask, "adopt it", others, adopted);
  if (!error.why.empty()) co_await fail(std::move(error));
  if (!ask.virgin) (void)co_await replica_.adopt(adoption);
  adopted_here_[ask.handle] = ask.version;
}

Task<> ConfigureService::adopt_there(bus::Member member, bus::AdoptVersion ask) {
  (void)co_await patiently(endpoint_, std::move(member), std::move(ask), kStepTime);
}

Error ConfigureService::failed(const bus::Configure& ask, const char* what, const std::vector<bus::Member>& members,
                               const std::vector<Result<>>& results) const {
  Error error{Code::replica_failed, {}, {}};
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i]) error.why.push_back({name_of(members[i]), results[i].error().text()});
  }
  if (error.why.empty()) return error;
  error.message = fmt::format("chunk {} version {}: {} did not {}: {}", ask.handle, ask.version,
                              error.why.front().server, what, error.why.front().reason);
  log::write_limited(log::Level::warn, "configuration_failed",
                     {{"chunk", ask.handle}, {"version", ask.version}, {"reason", error.message}});
  return error;
}

std::string ConfigureService::name_of(const bus::Member& member) const {
  return fmt::format("server {} at {}", member.server, member.control);
}

}  // namespace gfs::chunkserver
