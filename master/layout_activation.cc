// LayoutService's second half: how a configuration becomes active.
#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr int kRoundsMax = 8;
constexpr Duration kOrderTime = 5s;

std::string names_of(const std::vector<std::pair<ServerId, std::string>>& unfit) {
  std::string text;
  for (const auto& [server, why] : unfit) text += fmt::format("{}server {}: {}", text.empty() ? "" : "; ", server, why);
  return text;
}

}  // namespace

Task<> LayoutService::activate(ChunkHandle handle, Version failed) {
  Promise<void> promise;
  Future<void> active = promise.future();
  auto [at, first] = flights_.try_emplace(handle);
  at->second.push_back(std::move(promise));
  if (first) {
    auto done = [this, handle](Result<> result) {
      std::vector<Promise<void>> waiters = std::move(flights_[handle]);
      flights_.erase(handle);
      for (Promise<void>& waiter : waiters) waiter.set(result);
    };
    group_.spawn(attempt(handle, failed), std::move(done));
  }
  co_await std::move(active);
}

bool LayoutService::keeps_failing(ChunkHandle handle, Version failed) {
  if (failed.value == 0) return false;
  Failure& failure = failures_[handle];
  if (failure.version != failed) failure = {failed, now()};
  if (now() - failure.since < settings_.suspect_after) return false;
  failures_.erase(handle);
  return true;
}

Task<> LayoutService::attempt(ChunkHandle handle, Version failed) {
  bool renew = keeps_failing(handle, failed);
  for (int round = 0; round < kRoundsMax; ++round) {
    const Chunk* found = state_.chunks().find(handle);
    if (found == nullptr) co_await fail(Code::not_found, "chunk {} does not exist any more", handle);
    Chunk chunk = *found;
    std::vector<std::pair<ServerId, std::string>> gone;
    for (ServerId server : chunk.configuration.members) {
      if (std::optional<std::string> why = unfit(server, handle, chunk.configuration.virgin))
        gone.emplace_back(server, *why);
    }
    if (!gone.empty()) {
      co_await replace(handle, std::move(chunk), std::move(gone));
      renew = false;
      continue;
    }
    if (std::exchange(renew, false)) {
      PROBE("a version that keeps failing is renewed");
      co_await reconfigure(handle, chunk.configuration.version, chunk.configuration.members,
                           chunk.configuration.primary);
      continue;
    }
    bool active = co_await order(handle, std::move(chunk));
    if (active) co_return;
  }
  co_await fail(Code::unavailable, "chunk {}: its configuration did not settle", handle);
}

Task<> LayoutService::reconfigure(ChunkHandle handle, Version from, std::vector<ServerId> members, ServerId primary) {
  active_.erase(handle.value);
  log::info("chunk_reconfigured",
            {{"chunk", handle}, {"version", from.next()}, {"members", members.size()}, {"primary", primary}});
  ReconfigureOp op{handle, from, std::move(members), primary};
  Result<Decision> done = co_await journal_.commit(std::move(op)).outcome();
  // A conflict means that somebody was faster: the caller looks again.
  if (!done && done.error().code != Code::conflict) co_await fail(std::move(done));
}

Task<> LayoutService::replace(ChunkHandle handle, Chunk chunk, std::vector<std::pair<ServerId, std::string>> gone) {
  const Configuration& configuration = chunk.configuration;
  std::vector<ServerId> members, avoid;
  for (const auto& [server, why] : gone) avoid.push_back(server);
  for (ServerId server : configuration.members) {
    if (std::find(avoid.begin(), avoid.end(), server) == avoid.end()) members.push_back(server);
  }
  // Nothing was ever acknowledged on a virgin chunk: empty replicas are as good as the old ones.
  if (configuration.virgin && chunk.goal > members.size()) {
    std::vector<ServerId> more = choose(members, chunk.goal - members.size(), avoid);
    for (ServerId server : more) servers_.placed(server);
    members.insert(members.end(), more.begin(), more.end());
  }
  std::size_t needed = minimum(chunk.goal);
  if (members.size() < needed) {
    co_await fail(Code::not_enough_servers,
                  "chunk {} version {}: {} of {} members can be written to, {} are needed ({})", handle,
                  configuration.version, members.size(), configuration.members.size(), needed, names_of(gone));
  }
  auto first_up =
      std::find_if(members.begin(), members.end(), [&](ServerId server) { return servers_.up(server, now()); });
  if (first_up == members.end()) {
    co_await fail(Code::unavailable, "chunk {} version {}: no member has registered yet ({})", handle,
                  configuration.version, names_of(gone));
  }
  bool keeps = std::find(members.begin(), members.end(), configuration.primary) != members.end() &&
               servers_.up(configuration.primary, now());
  ServerId primary = keeps ? configuration.primary : *first_up;
  log::warn("chunk_members_dropped", {{"chunk", handle}, {"version", configuration.version}, {"why", names_of(gone)}});
  co_await reconfigure(handle, configuration.version, std::move(members), primary);
}

Task<bool> LayoutService::order(ChunkHandle handle, Chunk chunk) {
  const Configuration configuration = chunk.configuration;
  const Server* primary = servers_.find(configuration.primary);
  if (primary == nullptr || !primary->registered()) {
    co_await fail(Code::unavailable, "chunk {} version {}: its primary, server {}, has not registered yet", handle,
                  configuration.version, configuration.primary);
  }
  const SessionId session = primary->session;
  bus::Configure ask;
  ask.handle = handle;
  ask.version = configuration.version;
  ask.virgin = configuration.virgin;
  for (ServerId server : configuration.members) ask.members.push_back(member(server));
  bus::CallOptions options;
  options.deadline = kOrderTime;
  bus::Peer peer = bus::Peer::on(primary->route);
  Result<bus::Configure::Reply> answer = co_await endpoint_->call(std::move(peer), std::move(ask), options).outcome();
  if (answer) {
    if (configuration.virgin) {
      ActivateOp op{handle, configuration.version};
      (void)co_await journal_.commit(std::move(op));
    }
    for (ServerId server : configuration.members) servers_.note(server, handle, configuration.version, answer->length);
    forget_accusations(handle);
    forget_dropped_chunks();
    active_[handle.value] = {configuration.version, session};
    co_return true;
  }
  const Error error = answer.error();
  log::write_limited(log::Level::warn, "configure_failed",
                     {{"chunk", handle},
                      {"version", configuration.version},
                      {"primary", configuration.primary},
                      {"why", error.text()}});
  switch (error.code) {
    case Code::conflict:  // a primary that restarted never resumes its version
      PROBE("a restarted primary gets the next version");
      co_await reconfigure(handle, configuration.version, configuration.members, configuration.primary);
      co_return false;
    case Code::not_found:
      servers_.note_missing(configuration.primary, handle);
      accuse(configuration.primary, handle, false);
      break;
    case Code::no_space:
    case Code::read_only:
    case Code::io_error:
    case Code::corrupt:
      accuse(configuration.primary, handle, true);
      co_return false;
    case Code::replica_failed: {
      // The members that did not confirm are named in the message.
      for (ServerId server : configuration.members) {
        if (server != configuration.primary && error.message.find(server.text()) != std::string::npos)
          accuse(server, handle, false);
      }
      break;
    }
    case Code::overloaded:
    case Code::unreachable:  // ours: too many calls, or a route that is over; the heartbeats tell whether it lives
      break;
    default:
      accuse(configuration.primary, handle, false);
      break;
  }
  co_await fail(Code::unavailable, "chunk {} version {}: its primary, server {}, could not make it active: {}", handle,
                configuration.version, configuration.primary, error.text());
  co_return false;
}

}  // namespace gfs::master
