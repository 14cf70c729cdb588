// LayoutService: how a configuration becomes active.
#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

constexpr int kRoundsMax = 8;
constexpr Duration kLook = 250ms;
constexpr Duration kRenewalFirst = 100ms, kRenewalLast = 5s;  // pauses between new versions for nothing but a conflict
constexpr Duration kRenewalsKept = 60s;
constexpr Duration kOrderTime = 5s;
constexpr Duration kCopyingOrderTime = 30s;  // a whole chunk may have to be copied first

bool names(const Reason& reason, ServerId server) { return reason.server.find(server.text()) != std::string::npos; }

// What a member says of itself, by the code its reason begins with: nothing is won by asking again.
bool is_final(const Reason& reason) {
  for (Code code : {Code::no_space, Code::read_only, Code::io_error, Code::corrupt}) {
    if (reason.reason.starts_with(name_of(code))) return true;
  }
  return false;
}

}  // namespace

Task<> LayoutService::activate(ChunkHandle handle, Version failed) {
  co_await activate_or_renew(handle, failed, false);
}

Task<> LayoutService::activate_or_renew(ChunkHandle handle, Version failed, bool renew) {
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
    group_.spawn(attempt(handle, failed, renew), std::move(done));
  }
  co_await std::move(active);
}

// A primary that restarted never resumes its version: the same members get the next one. If that does not help, trying
// it again and again would only carry the log away from what the members hold.
Task<> LayoutService::renew_after_conflict(ChunkHandle handle, Version version) {
  Renewal& last = renewals_[handle];
  if (now() > last.next + kRenewalsKept) last = {};
  const Instant due = std::max(last.next, now());
  last.pause = std::clamp(2 * last.pause, kRenewalFirst, kRenewalLast);
  last.next = due + last.pause;
  if (due > now()) co_await endpoint_->executor().sleep(due - now());
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk || chunk->configuration.version != version) co_return;
  PROBE("a restarted primary gets the next version");
  Situation renewed = situation(handle, *chunk);
  renewed.renew = true;
  (void)co_await change(handle, *chunk, std::move(renewed));
}

Task<> LayoutService::settle(ChunkHandle handle) {
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk) co_await fail(Code::not_found, "chunk {} does not exist any more", handle);
  auto found = inactive_.find(handle);
  const bool renew = found != inactive_.end() && found->second.version == chunk->configuration.version &&
                     now() - found->second.since >= settings_.suspect_after;
  co_await activate_or_renew(handle, {}, renew);
}

void LayoutService::note_inactive(ChunkHandle handle, Version version) {
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk || chunk->configuration.version != version) return;
  Failure& failure = inactive_[handle];
  if (failure.version != version) failure = {version, now()};
}

bool LayoutService::keeps_failing(ChunkHandle handle, Version failed) {
  if (failed.value == 0) return false;
  Failure& failure = failures_[handle];
  if (failure.version != failed) failure = {failed, now()};
  if (now() - failure.since < settings_.suspect_after) return false;
  failures_.erase(handle);
  return true;
}

Task<> LayoutService::attempt(ChunkHandle handle, Version failed, bool renew) {
  bool renewed = false;
  if (keeps_failing(handle, failed)) renew = true;
  for (int round = 0; round < kRoundsMax; ++round) {
    std::optional<Chunk> found = state_.chunks().find(handle);
    if (!found) co_await fail(Code::not_found, "chunk {} does not exist any more", handle);
    Chunk chunk = *std::move(found);
    if (restores_.is_old(handle, chunk)) {
      co_await restore(handle);
      continue;
    }
    Situation now_so = situation(handle, chunk);
    if (std::exchange(renew, false)) {
      PROBE("a version that keeps failing is renewed");
      now_so.renew = true;
    }
    const Inode* inode = state_.names().inode(chunk.inode);
    if (inode != nullptr && inode->ack != chunk.configuration.ack) now_so.renew = true;
    const bool changed = co_await change(handle, chunk, std::move(now_so));
    if (changed) continue;
    const Version version = chunk.configuration.version;
    Result<bool> active = co_await order(handle, std::move(chunk)).outcome();
    if (!active) note_inactive(handle, version);
    if (!active && active.error().code == Code::conflict && !std::exchange(renewed, true)) {
      co_await renew_after_conflict(handle, version);
      continue;
    }
    if (!active && active.error().code == Code::conflict) {
      co_await fail(Code::unavailable, "chunk {} version {}: its primary did not take the version after it either: {}",
                    handle, version, active.error().message);
    }
    const bool done = co_await std::move(active);
    if (done) co_return;
  }
  co_await fail(Code::unavailable, "chunk {}: its configuration did not settle", handle);
}

Task<bool> LayoutService::change(ChunkHandle handle, Chunk chunk, Situation situation, Asked asked) {
  const Configuration& configuration = chunk.configuration;
  co_await check_settled(handle, chunk);
  co_await check_log(handle, configuration.version);
  situation.learners = learners(situation);
  Result<std::optional<NextConfiguration>> next = plan_configuration(situation);
  if (!next) {
    co_await fail(next.error().code, "chunk {} version {}: {}", handle, configuration.version, next.error().message);
  }
  if (!next->has_value()) co_return false;
  std::vector<ServerId> over = co_await check_fence(handle, configuration, **next);
  co_await reconfigure(handle, std::move(chunk), *std::move(*next), std::move(over), std::move(asked));
  co_return true;
}

Duration LayoutService::session_left(ServerId id) const {
  const Server* server = servers_.find(id);
  if (server == nullptr) return {};
  // Clocks may drift, and the last answer may still be under way. One that said goodbye may still be on its way out.
  const Instant over = server->heard + settings_.lease + settings_.lease / 50 + 1s;
  return std::max<Duration>(over - now(), Duration{});
}

Result<std::vector<ServerId>> LayoutService::check_fence(ChunkHandle handle, const Configuration& before,
                                                         const NextConfiguration& next) const {
  std::vector<ServerId> over;
  if (before.virgin) return over;
  for (ServerId lone : before.lone) {
    if (std::find(next.members.begin(), next.members.end(), lone) != next.members.end()) continue;  // it will promise
    const Duration left = session_left(lone);
    if (left > Duration{}) {
      PROBE("a lone acknowledger's lease is waited out");
      return fail(Code::unavailable,
                  "chunk {} version {}: server {}, a primary of it, may still acknowledge alone for {} ms", handle,
                  before.version, lone, to_ms(left));
    }
    over.push_back(lone);
  }
  return over;
}

Task<> LayoutService::reconfigure(ChunkHandle handle, Chunk chunk, NextConfiguration next, std::vector<ServerId> over,
                                  Asked asked) {
  const Version from = chunk.configuration.version;
  active_.erase(handle.value);
  const Inode* inode = state_.names().inode(chunk.inode);
  ReconfigureOp op{handle,
                   from,
                   std::move(next.members),
                   next.primary,
                   std::move(next.joining),
                   next.salvage,
                   inode != nullptr ? inode->ack : chunk.configuration.ack,
                   std::move(over)};
  log::info("chunk_reconfigured", {{"chunk", handle},
                                   {"version", from.next()},
                                   {"members", op.members.size()},
                                   {"joining", op.joining.size()},
                                   {"primary", op.primary},
                                   {"why", next.why}});
  if (op.salvage) log::warn("chunk_salvaged", {{"chunk", handle}, {"version", from.next()}, {"why", next.why}});
  if (is_mutant("tell_before_log")) {
    chunk.configuration = {
        from.next(), op.members, op.primary, chunk.configuration.virgin, op.joining, op.salvage, op.ack, {}, {}, {}};
    group_.spawn(tell(handle, std::move(chunk), false));
  }
  const std::vector<ServerId> dropped = std::move(next.dropped), joining = op.joining;
  Result<Decision> done =
      co_await journal_.commit(std::move(op), asked.request, asked.digest, std::move(asked.index)).outcome();
  // A conflict means that somebody was faster: the caller looks again.
  if (!done && done.error().code != Code::conflict) co_await fail(std::move(done));
  for (ServerId server : dropped) accusations_.forget(handle, server);
  if (!done) co_return;
  for (ServerId server : dropped) {
    const bool drains = state_.directives().drains(server);
    std::string_view besides = drains ? "it drains, and there are enough others" : "there are more than enough";
    decisions_.note(Decided::dropped, handle, server, next.why.empty() ? std::string(besides) : next.why);
  }
  for (ServerId server : joining) {
    if (chunk.configuration.joins(server)) continue;
    decisions_.note(Decided::joined, handle, server, fmt::format("as a learner, in version {}", from.next()));
  }
}

bus::Configure LayoutService::order_for(ChunkHandle handle, const Chunk& chunk) const {
  const Configuration& configuration = chunk.configuration;
  bus::Configure order;
  order.handle = handle;
  order.version = configuration.version;
  for (ServerId server : configuration.members) order.members.push_back(member(server));
  order.virgin = configuration.virgin;
  if (!is_mutant("forget_joining")) order.joining = configuration.joining;
  order.salvage = configuration.salvage;
  order.ack = configuration.ack;
  order.index = chunk.index;
  const Inode* file = state_.names().inode(chunk.inode);
  if (file == nullptr || !file->appends) return order;  // nothing is sealed but where records are appended
  order.before = state_.chunks().sealed_before(chunk.inode, chunk.index);
  const std::optional<Chunk> before = state_.chunks().find(order.before);
  if (!before) return order;
  order.before_version = before->configuration.version;
  for (ServerId server : before->configuration.members) {
    if (counts(server, order.before, before->configuration)) order.before_members.push_back(member(server));
  }
  return order;
}

Task<bus::Configure::Reply> LayoutService::tell(ChunkHandle handle, Chunk chunk, bool frozen) {
  const Server* primary = servers_.find(chunk.configuration.primary);
  if (primary == nullptr || !primary->registered()) {
    co_await fail(Code::unavailable, "chunk {} version {}: its primary, server {}, has not registered yet", handle,
                  chunk.configuration.version, chunk.configuration.primary);
  }
  const Configuration& configuration = chunk.configuration;
  const bool copies = !configuration.joining.empty() ||
                      std::any_of(configuration.members.begin(), configuration.members.end(), [&](ServerId server) {
                        return standpoint(server, handle, configuration).standing == Standing::suspect;
                      });
  bus::Configure ask = order_for(handle, chunk);
  ask.frozen = frozen;
  bus::CallOptions options;
  options.deadline = copies ? kCopyingOrderTime : kOrderTime;
  bus::Peer peer = bus::Peer::on(primary->route);
  co_return co_await endpoint_->call(std::move(peer), std::move(ask), options);
}

Task<> LayoutService::wait_for_loss(std::vector<ServerId> members) {
  std::erase_if(members, [&](ServerId server) { return servers_.overdue(server, now()); });
  auto lost = [&](ServerId server) { return servers_.overdue(server, now()); };
  while (std::none_of(members.begin(), members.end(), lost)) co_await endpoint_->executor().sleep(kLook);
}

Task<bus::Configure::Reply> LayoutService::tell_while_here(ChunkHandle handle, Chunk chunk, bool frozen) {
  Promise<bus::Configure::Reply> promise;
  Future<bus::Configure::Reply> answer = promise.future();
  TaskGroup group;
  group.spawn(wait_for_loss(chunk.configuration.members),
              [&promise](Result<>) { promise.set(fail(Code::cancelled, "a member went away meanwhile")); });
  group.spawn(tell(handle, std::move(chunk), frozen),
              [&promise](Result<bus::Configure::Reply> told) { promise.set(std::move(told)); });
  co_return co_await std::move(answer);
}

Task<bool> LayoutService::order(ChunkHandle handle, Chunk chunk) {
  const Configuration& configuration = chunk.configuration;
  const Server* primary = servers_.find(configuration.primary);
  const SessionId session = primary != nullptr ? primary->session : SessionId{};
  const std::optional<Chunk> now_so = state_.chunks().find(handle);
  const bool frozen = now_so && has_to_be_frozen(handle, *now_so);
  Result<bus::Configure::Reply> answer = co_await tell_while_here(handle, chunk, frozen).outcome();
  // Meanwhile an accusation may have led to the next version: then the answer is of no interest.
  auto over = [&] {
    const std::optional<Chunk> found = state_.chunks().find(handle);
    return !found || found->configuration.version != configuration.version;
  };
  if (over() || (!answer && answer.error().code == Code::cancelled)) co_return false;
  if (!answer) co_return co_await learn_from(handle, std::move(chunk), std::move(answer).error());
  if (configuration.settled != configuration.version) {
    ActivateOp op{handle, configuration.version};
    (void)co_await journal_.commit(std::move(op));
  }
  // With nobody sound to copy from, bad blocks are where they were.
  const bool mended = std::any_of(configuration.members.begin(), configuration.members.end(), [&](ServerId server) {
    const Standpoint one = standpoint(server, handle, configuration);
    return one.counts && one.standing != Standing::damaged && one.standing != Standing::suspect;
  });
  for (ServerId server : configuration.members) {
    const Held* held = servers_.held(server, handle);
    const bool damaged = held != nullptr && held->damaged && !mended;
    servers_.note(server, handle, configuration.version, answer->length, damaged);
  }
  forget_suspicions(handle);
  forget_dropped_chunks();
  active_[handle.value] = {configuration.version, session, frozen, answer->length};
  renewals_.erase(handle);
  inactive_.erase(handle);
  co_return !over();
}

Task<bool> LayoutService::learn_from(ChunkHandle handle, Chunk chunk, Error error) {
  const Configuration& configuration = chunk.configuration;
  log::write_limited(log::Level::warn, "configure_failed",
                     {{"chunk", handle},
                      {"version", configuration.version},
                      {"primary", configuration.primary},
                      {"why", error.text()}});
  std::vector<ServerId> culprits;
  std::set<ServerId> finals;
  switch (error.code) {
    case Code::conflict:
      co_await fail(std::move(error));
      break;
    case Code::suspect:  // it asked them all
      for (ServerId server : configuration.members) {
        if (counts(server, handle, configuration)) servers_.note_suspect(server, handle);
      }
      co_return false;
    case Code::not_found:
      servers_.note_missing(configuration.primary, handle);
      suspect(configuration.primary, handle, false);
      break;
    case Code::no_space:
    case Code::read_only:
    case Code::io_error:
    case Code::corrupt:
      suspect(configuration.primary, handle, true);
      co_return false;
    case Code::replica_failed:
      for (ServerId server : configuration.members) {
        if (server == configuration.primary) continue;
        for (const Reason& reason : error.why) {
          if (!names(reason, server)) continue;
          if (is_final(reason)) finals.insert(server);
          suspect(server, handle, is_final(reason));
          culprits.push_back(server);
        }
      }
      break;
    case Code::overloaded:  // ours: too many calls
    case Code::unavailable:
      break;
    case Code::unreachable:  // a route that is over: the heartbeats tell whether it lives, or nobody is there
      culprits.push_back(configuration.primary);
      break;
    default:
      suspect(configuration.primary, handle, false);
      culprits.push_back(configuration.primary);
      break;
  }
  bool learned = false;
  for (ServerId culprit : culprits) {
    const ServerProbe::Answer answer = co_await probe_.look(culprit);
    learned = learned || answer == ServerProbe::Answer::refused;
    if (!keeps_failing(culprit, handle)) continue;
    learned = true;
    if (culprit == configuration.primary || finals.contains(culprit)) continue;
    const bool heard = answer == ServerProbe::Answer::alive;
    co_await hear_primary(handle, chunk, culprit, heard);
  }
  if (learned) co_return false;
  Error failed{Code::unavailable,
               fmt::format("chunk {} version {}: its primary, server {}, could not make it active: {}", handle,
                           configuration.version, configuration.primary, error.message),
               std::move(error.why)};
  co_await fail(std::move(failed));
  co_return false;
}

}  // namespace gfs::master
