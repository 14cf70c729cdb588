#include "chunkserver/configure_service.h"

#include "base/log.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kMembersMax = 8;
constexpr Duration kAdoptTime = 2s;
constexpr int kAdoptTries = 2;

}  // namespace

Task<bus::Configure::Reply> ConfigureService::configure(bus::Configure ask, bus::Caller) {
  co_await check(ask);
  if (writes_.active(ask.handle, ask.version)) {
    bus::Configure::Reply reply;
    if (std::optional<ChunkInfo> held = store_.find(ask.handle)) reply.length = held->length;
    co_return reply;
  }
  Promise<bus::Configure::Reply> promise;
  Future<bus::Configure::Reply> reply = promise.future();
  const Key key{ask.handle, ask.version};
  const bool first = !flows_.contains(key);
  flows_[key].push_back(std::move(promise));
  if (first) {
    tasks_.spawn(run(std::move(ask)), [this, key](Result<bus::Configure::Reply> result) {
      std::vector<Promise<bus::Configure::Reply>> waiters = std::move(flows_[key]);
      flows_.erase(key);
      for (Promise<bus::Configure::Reply>& waiter : waiters) waiter.set(result);
    });
  }
  co_return co_await std::move(reply);
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

Task<bus::Configure::Reply> ConfigureService::run(bus::Configure ask) {
  std::optional<ChunkInfo> held = store_.find(ask.handle);
  if (!held && !ask.virgin) co_await fail(Code::not_found, "chunk {}: not held by server {}", ask.handle, self_);
  if (held && held->version > ask.version) {
    co_await fail(Code::stale_version, "chunk {} version {}: version {} is held by server {}", ask.handle, ask.version,
                  held->version, self_);
  }
  auto ours = adopted_here_.find(ask.handle);
  if (held && held->version == ask.version && (ours == adopted_here_.end() || ours->second != ask.version)) {
    co_await fail(Code::conflict, "chunk {} version {}: server {} adopted it in an earlier life or for another primary",
                  ask.handle, ask.version, self_);
  }
  bus::Configure::Reply reply;
  reply.length = co_await replica_.adopt(ask.handle, ask.version, self_, ask.virgin);
  adopted_here_[ask.handle] = ask.version;

  std::vector<bus::Member> others;
  std::vector<Task<>> adoptions;
  for (const bus::Member& member : ask.members) {
    if (member.server == self_) continue;
    bus::AdoptVersion there;
    there.handle = ask.handle;
    there.version = ask.version;
    there.primary = self_;
    there.virgin = ask.virgin;
    others.push_back(member);
    adoptions.push_back(adopt_there(member, there));
  }
  std::vector<Result<>> adopted = co_await all_of(std::move(adoptions));
  Error error{Code::replica_failed, {}, {}};
  for (std::size_t i = 0; i < adopted.size(); ++i) {
    if (adopted[i]) continue;
    error.why.push_back(
        {fmt::format("server {} at {}", others[i].server, others[i].control), adopted[i].error().text()});
  }
  if (!error.why.empty()) {
    error.message = fmt::format("chunk {} version {}: {} did not adopt it: {}", ask.handle, ask.version,
                                error.why.front().server, error.why.front().reason);
    log::warn("configuration_failed", {{"chunk", ask.handle}, {"version", ask.version}, {"reason", error.message}});
    co_await fail(std::move(error));
  }
  // A newer version may have come meanwhile.
  held = store_.find(ask.handle);
  if (!held || held->version != ask.version) {
    co_await fail(Code::stale_version, "chunk {} version {}: a newer version came meanwhile", ask.handle, ask.version);
  }
  writes_.activate(ask.handle, ask.version, std::move(others));
  log::debug("version_active", {{"chunk", ask.handle}, {"version", ask.version}, {"members", ask.members.size()}});
  co_return reply;
}

Task<> ConfigureService::adopt_there(bus::Member member, bus::AdoptVersion ask) {
  std::optional<Error> error;
  for (int attempt = 0; attempt < kAdoptTries; ++attempt) {
    bus::CallOptions options;
    options.deadline = kAdoptTime;
    bus::AdoptVersion again = ask;
    Result<bus::AdoptVersion::Reply> reply =
        co_await endpoint_.call(bus::Peer::at(member.control), std::move(again), options).outcome();
    if (reply) co_return;
    error = std::move(reply).error();
    if (error->code != Code::deadline && error->code != Code::lost_link) break;
  }
  co_await fail(std::move(*error));
}

}  // namespace gfs::chunkserver
