#include "master/collector.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

namespace {

constexpr Duration kAskTime = 5s;
constexpr Duration kOrderTime = 30s;
constexpr Duration kAskedAgain = 5s;  // one that did not answer
constexpr Duration kRefusedPause = 60s;
constexpr Duration kBetweenWalks = 150s;  // at most, and a quarter of the time that garbage has to last

}  // namespace

void Collector::serve() {
  endpoint_.serve<&Collector::status>(*this);
  endpoint_.serve<&Collector::allow>(*this);
  endpoint_.serve<&Collector::restore>(*this);
  endpoint_.serve<&Collector::purge>(*this);
}

Task<> Collector::run() {
  while (true) {
    co_await endpoint_.executor().sleep(kTick);
    const Instant now = endpoint_.executor().now();
    for (const auto& [id, server] : servers_.all()) {
      Walk& walk = walks_[id];
      if (walk.under_way || now < walk.next || !servers_.up(id, now)) continue;
      walk.under_way = true;
      group_.spawn(step(id), [this, id](Result<> result) {
        Walk& walked = walks_[id];
        walked.under_way = false;
        if (result) return;
        walked.next = endpoint_.executor().now() + kAskedAgain;
        log::write_limited(log::Level::warn, "garbage_not_collected", {{"server", id}, {"why", result.error().text()}});
      });
    }
  }
}

Task<> Collector::step(ServerId id) {
  const bus::ListHeld asked{walks_[id].at, kPage};
  bus::ListHeld ask = asked;
  bus::CallOptions options;
  options.deadline = kAskTime;
  bus::Peer peer = bus::Peer::on(servers_.find(id)->route);
  const bus::ListHeld::Reply page = co_await endpoint_.call(std::move(peer), std::move(ask), options);
  const Instant now = endpoint_.executor().now();
  CollectionPlanner::Found found = planner_.look(id, asked, page, now);
  const bool all = page.chunks.empty() || found.through == page.chunks.back().handle;
  Walk& walk = walks_[id];
  if ((all && page.last) || found.through == asked.after) {
    walk.at = {};
    walk.next = now + std::clamp<Duration>(after_ / 4, kTick, kBetweenWalks);
  } else {
    walk.at = found.through;
  }
  if (found.due.empty() || now < walk.refused_until) co_return;
  if (const std::string why = held_back(); !why.empty()) {
    log::write_limited(log::Level::warn, "collection_held_back", {{"why", why}});
    co_return;
  }
  co_await order(id, std::move(found.due), state_.index());
}

Task<> Collector::order(ServerId id, std::vector<CollectionPlanner::Item> items, std::uint64_t index) {
  bus::CollectChunks ask{items, index};
  bus::CallOptions options;
  options.deadline = kOrderTime;
  const Server* server = servers_.find(id);
  if (server == nullptr) co_return;  // forgotten meanwhile
  bus::Peer peer = bus::Peer::on(server->route);
  const bus::CollectChunks::Reply reply = co_await endpoint_.call(std::move(peer), std::move(ask), options);
  using Done = bus::CollectChunks::Done;
  std::size_t quarantined = 0, refused = 0;
  for (std::size_t i = 0; i < std::min(items.size(), reply.done.size()); ++i) {
    const CollectionPlanner::Item& item = items[i];
    planner_.done(id, item, reply.done[i], endpoint_.executor().now());
    if (reply.done[i] == Done::quarantined) ++quarantined;
    if (reply.done[i] == Done::refused) ++refused;
    if (reply.done[i] != Done::quarantined && reply.done[i] != Done::gone) continue;
    // It may have become a member meanwhile, with a newer copy.
    const Held* held = servers_.held(id, item.handle);
    if (held != nullptr && held->version <= item.version) servers_.note_missing(id, item.handle);
  }
  if (quarantined > 0) log::info("garbage_collected", {{"server", id}, {"chunks", quarantined}});
  if (refused == 0) co_return;
  PROBE("a server refused to put away so much");
  walks_[id].refused_until = endpoint_.executor().now() + kRefusedPause;
}

CollectionPlanner::Counts Collector::counts() const {
  CollectionPlanner::Counts sum;
  for (const auto& [id, known] : state_.servers()) {
    const CollectionPlanner::Counts one = planner_.counts(id);
    sum.garbage += one.garbage;
    if (servers_.up(id, endpoint_.executor().now())) sum.refused += one.refused;
    sum.unknown += one.unknown;
  }
  return sum;
}

Task<bus::CollectionStatus::Reply> Collector::status(bus::CollectionStatus, bus::Caller) {
  bus::CollectionStatus::Reply reply;
  for (const auto& [id, known] : state_.servers()) {
    const CollectionPlanner::Counts counts = planner_.counts(id);
    bus::CollectionStatus::Server one{.server = id, .address = known.control};
    one.garbage = counts.garbage;
    one.refused = counts.refused;
    one.unknown = counts.unknown;
    if (const Server* server = servers_.find(id)) {
      one.quarantined = server->quarantined;
      one.quarantined_bytes = server->quarantined_bytes;
      if (server->quarantined > 0) {
        one.oldest_ms = std::max<std::int64_t>(0, journal_.now() - server->quarantined_since_ms);
      }
    }
    reply.servers.push_back(std::move(one));
  }
  reply.held_back = held_back();
  co_return reply;
}

Result<std::vector<ServerId>> Collector::named(ServerId server) const {
  const Instant now = endpoint_.executor().now();
  std::vector<ServerId> out;
  if (!server.nil()) {
    if (!state_.servers().contains(server)) return fail(Code::not_found, "server {} is not known", server);
    if (!servers_.up(server, now)) return fail(Code::unavailable, "server {} is not heard at the moment", server);
    out.push_back(server);
    return out;
  }
  for (const auto& [id, one] : servers_.all()) {
    if (servers_.up(id, now)) out.push_back(id);
  }
  if (out.empty()) return fail(Code::unavailable, "no server is heard at the moment");
  return out;
}

template <class M>
Task<typename M::Reply> Collector::hand_on(ServerId id, M ask) {
  bus::Peer peer = bus::Peer::on(servers_.find(id)->route);
  ask.server = id;
  co_return co_await endpoint_.call(std::move(peer), std::move(ask));
}

Task<bus::AllowCollection::Reply> Collector::allow(bus::AllowCollection ask, bus::Caller) {
  const std::vector<ServerId> servers = co_await named(ask.server);
  bus::AllowCollection::Reply reply;
  for (ServerId id : servers) {
    bus::AllowCollection one = ask;
    Result<bus::AllowCollection::Reply> heard = co_await hand_on(id, std::move(one)).outcome();
    if (!heard && !ask.server.nil()) co_await fail(std::move(heard));
    if (!heard) continue;
    ++reply.servers;
    Walk& walk = walks_[id];
    walk.refused_until = {};
    walk.at = {};
    walk.next = {};
  }
  log::info("collection_allowed", {{"servers", reply.servers}, {"up_to", ask.up_to}, {"for_ms", ask.for_ms}});
  co_return reply;
}

Task<bus::RestoreChunk::Reply> Collector::restore(bus::RestoreChunk ask, bus::Caller) {
  if (ask.server.nil()) co_await fail(Code::invalid_argument, "chunk {}: no server is named", ask.handle);
  const std::vector<ServerId> servers = co_await named(ask.server);
  const ChunkHandle handle = ask.handle;
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (chunk && chunk->configuration.has(servers.front())) ask.at_least = chunk->configuration.settled;
  const bus::RestoreChunk::Reply restored = co_await hand_on(servers.front(), std::move(ask));
  if (state_.chunks().has(handle)) servers_.note(servers.front(), handle, restored.version, restored.length);
  log::info("chunk_restored", {{"chunk", handle}, {"server", servers.front()}, {"version", restored.version}});
  co_return restored;
}

Task<bus::PurgeQuarantine::Reply> Collector::purge(bus::PurgeQuarantine ask, bus::Caller) {
  const std::vector<ServerId> servers = co_await named(ask.server);
  bus::PurgeQuarantine::Reply reply;
  for (ServerId id : servers) {
    bus::PurgeQuarantine one = ask;
    Result<bus::PurgeQuarantine::Reply> purged = co_await hand_on(id, std::move(one)).outcome();
    if (!purged && !ask.server.nil()) co_await fail(std::move(purged));
    if (!purged) continue;
    reply.chunks += purged->chunks;
    reply.bytes += purged->bytes;
    reply.more = reply.more || purged->more;
  }
  co_return reply;
}

std::string Collector::held_back() const {
  if (servers_.anybody_ahead(endpoint_.executor().now()))
    return "servers have seen more of the log than this master has";
  return planner_.held_back(endpoint_.executor().now());
}

}  // namespace gfs::master
