#include "master/server_probe.h"

#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

Task<ServerProbe::Answer> ServerProbe::look(ServerId server) { return share(server, kTime, false); }
Task<ServerProbe::Answer> ServerProbe::look_anew(ServerId server) { return share(server, kTimeAnew, true); }

Task<ServerProbe::Answer> ServerProbe::share(ServerId server, Duration time, bool anew) {
  Promise<Answer> promise;
  Future<Answer> answer = promise.future();
  auto [at, first] = flights_.try_emplace({server, anew});
  at->second.push_back(std::move(promise));
  if (first) {
    auto done = [this, key = std::pair(server, anew)](Result<Answer> result) {
      std::vector<Promise<Answer>> waiters = std::move(flights_[key]);
      flights_.erase(key);
      for (Promise<Answer>& waiter : waiters) waiter.set(result);
    };
    group_.spawn(dial(server, time, anew), std::move(done));
  }
  co_return co_await std::move(answer);
}

Task<ServerProbe::Answer> ServerProbe::dial(ServerId server, Duration time, bool anew) {
  auto known = state_.servers().find(server);
  if (known == state_.servers().end()) co_return Answer::silent;
  const Server* before = servers_.find(server);
  const Instant heard = before != nullptr ? before->heard : Instant{};
  bus::Hello ask{"gfs-master " GFS_VERSION};
  bus::CallOptions options;
  options.deadline = time;
  bus::Peer peer = bus::Peer::at(known->second.control);
  if (anew) endpoint_->bus().hang_up(peer);
  Result<bus::Hello::Reply> answer = co_await endpoint_->call(std::move(peer), std::move(ask), options).outcome();
  if (answer) co_return Answer::alive;
  const Code code = answer.error().code;
  // The last three are said here: nobody was asked.
  if (code == Code::deadline || code == Code::lost_link || code == Code::overloaded || code == Code::shutting_down ||
      code == Code::cancelled) {
    co_return Answer::silent;
  }
  if (code != Code::unreachable) co_return Answer::alive;
  // A heartbeat that came meanwhile is the later word.
  const Server* after = servers_.find(server);
  if (after != nullptr && after->heard > heard) co_return Answer::alive;
  PROBE("a server was seen dead before its heartbeat was overdue");
  log::warn("server_refuses", {{"server", server}, {"why", answer.error().message}});
  servers_.note_dead(server);
  co_return Answer::refused;
}

}  // namespace gfs::master
