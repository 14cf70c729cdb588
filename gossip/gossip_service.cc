#include "gossip/gossip_service.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace gfs::gossip {

namespace {

constexpr Duration kLoadEvery = 1s;
constexpr Duration kGoodbye = 50ms;
constexpr std::uint32_t kRowsMax = 1000;
constexpr std::uint32_t kMembersMax = 64;

std::string_view name_of(MemberStatus status) {
  switch (status) {
    case MemberStatus::alive:
      return "alive";
    case MemberStatus::suspect:
      return "suspect";
    case MemberStatus::dead:
      return "dead";
    case MemberStatus::left:
      return "left";
  }
  return "unknown";
}

}  // namespace

GossipService::GossipService(Executor& executor, Random& random, bus::Bus& bus, MemberRecord self, Settings settings)
    : executor_(executor),
      random_(random),
      bus_(bus),
      self_(std::move(self)),
      settings_(std::move(settings)),
      endpoint_(executor, random, bus, {.role = static_cast<bus::Role>(self_.role), .program = self_.program}) {}

GossipService::~GossipService() {
  endpoint_.stop();
  if (timer_ != 0) executor_.cancel(timer_);
}

Result<> GossipService::listen() {
  Result<bus::ListenAt> bound = bus_.listen({settings_.listen, {}, {}});
  if (!bound) return fail(std::move(bound));
  self_.address = settings_.advertise.empty() ? bound->control : settings_.advertise;
  return {};
}

void GossipService::begin(ClusterId cluster) {
  endpoint_.set_cluster(cluster);
  endpoint_.serve<&GossipService::ping>(*this);
  endpoint_.serve<&GossipService::ack>(*this);
  endpoint_.serve<&GossipService::probe_for>(*this);
  endpoint_.serve<&GossipService::nack>(*this);
  endpoint_.serve<&GossipService::exchange>(*this);
  swim_.emplace(random_, self_, settings_.swim, executor_.now());
  swim_->set_seeds(seeds_);
  advance();
}

void GossipService::serve(bus::Endpoint& control) {
  control.serve<&GossipService::find_members>(*this);
  control.serve<&GossipService::list_members>(*this);
}

void GossipService::set_seeds(std::vector<bus::Address> seeds) {
  seeds_ = std::move(seeds);
  if (swim_) swim_->set_seeds(seeds_);
}

bool GossipService::announce(NodeId node, Verdict verdict) {
  if (!swim_) return false;
  // Above those of the process before, too.
  last_verdict_ = std::max(last_verdict_ + 1, static_cast<std::uint64_t>(executor_.wall_now()));
  const bool known = swim_->announce(node, verdict, last_verdict_);
  set_timer();
  return known;
}

void GossipService::ask_about(NodeId node) {
  if (!swim_) return;
  swim_->ask_about(node);
  flush();
}

Task<> GossipService::leave() {
  if (!swim_) co_return;
  swim_->leave(executor_.now());
  flush();
  co_await executor_.sleep(kGoodbye);
}

void GossipService::tell_load() {
  const Instant now = executor_.now();
  // Never slower than time goes, even if the wall clock is set back: others tell by it how old news are.
  const auto passed = static_cast<std::uint64_t>(to_ms(now - told_load_));
  const auto wall = static_cast<std::uint64_t>(std::max<WallMs>(0, executor_.wall_now()));
  const std::uint64_t stamp = std::max(wall, told_load_ == Instant{} ? 0 : swim_->self().stamp + passed);
  told_load_ = now;
  next_load_ = now + kLoadEvery;
  const Load load = load_ ? load_() : Load{};
  const std::uint64_t served = load.served - std::min(load.served, served_);
  served_ = load.served;
  swim_->set_load(stamp, load.used, load.free, static_cast<std::uint32_t>(std::min<std::uint64_t>(served, UINT32_MAX)));
}

void GossipService::advance() {
  if (executor_.now() >= next_load_) tell_load();
  swim_->advance(executor_.now());
  flush();
  set_timer();
}

void GossipService::set_timer() {
  const Instant when = std::max(executor_.now(), std::min(swim_->next_wake(), next_load_));
  if (timer_ != 0 && timer_at_ == when) return;
  if (timer_ != 0) executor_.cancel(timer_);
  timer_at_ = when;
  timer_ = executor_.at(when, [this] {
    timer_ = 0;
    advance();
  });
}

void GossipService::flush() {
  for (Outgoing& out : swim_->take_outgoing()) {
    // What cannot be sent is lost: that is what the protocol is made for.
    std::visit([&](auto& message) { (void)endpoint_.cast(out.to, std::move(message)); }, out.message);
  }
  for (const Change& change : swim_->take_changes()) {
    const Member* member = swim_->table().find(change.node);
    log::info("member_" + std::string(name_of(change.after)),
              {{"member", change.node}, {"address", member != nullptr ? member->record.address : ""}});
    if (observer_) observer_(change);
  }
}

void GossipService::receive(const Message& message, const bus::Caller& caller) {
  if (!swim_) return;
  swim_->receive(message, caller.peer, executor_.now());
  flush();
  set_timer();
}

Task<bus::Done> GossipService::ping(bus::Ping message, bus::Caller caller) {
  receive(std::move(message), caller);
  co_return bus::Done{};
}

Task<bus::Done> GossipService::ack(bus::Ack message, bus::Caller caller) {
  receive(std::move(message), caller);
  co_return bus::Done{};
}

Task<bus::Done> GossipService::probe_for(bus::ProbeFor message, bus::Caller caller) {
  receive(std::move(message), caller);
  co_return bus::Done{};
}

Task<bus::Done> GossipService::nack(bus::Nack message, bus::Caller caller) {
  receive(std::move(message), caller);
  co_return bus::Done{};
}

Task<bus::Done> GossipService::exchange(bus::Exchange message, bus::Caller caller) {
  receive(std::move(message), caller);
  co_return bus::Done{};
}

Task<bus::ListMembers::Reply> GossipService::list_members(bus::ListMembers ask, bus::Caller) {
  if (!swim_) co_await fail(Code::unavailable, "this member does not gossip yet");
  bus::ListMembers::Reply reply;
  const Instant now = executor_.now();
  reply.self = swim_->self();
  reply.health = swim_->health();
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kRowsMax);
  const auto& all = swim_->table().all();
  for (auto at = all.upper_bound(ask.after); at != all.end(); ++at) {
    if (reply.rows.size() == limit) {
      reply.more = true;
      break;
    }
    const Member& member = at->second;
    bus::ListMembers::Row row;
    row.member = member.record;
    row.heard_ms = member.heard == Instant{} ? -1 : to_ms(now - member.heard);
    row.fresh_ms = to_ms(now - member.fresh);
    row.status_ms = to_ms(now - member.since);
    row.accusers = static_cast<std::uint32_t>(member.accusers.size());
    reply.rows.push_back(std::move(row));
  }
  co_return reply;
}

Task<bus::FindMembers::Reply> GossipService::find_members(bus::FindMembers ask, bus::Caller) {
  if (!swim_) co_await fail(Code::unavailable, "this member does not gossip yet");
  bus::FindMembers::Reply reply;
  reply.members.push_back(self_.address);
  const std::uint32_t limit = std::clamp<std::uint32_t>(ask.limit, 1, kMembersMax);
  for (const auto& [node, member] : swim_->table().all()) {
    if (reply.members.size() >= limit) break;
    if (member.record.status == MemberStatus::alive) reply.members.push_back(member.record.address);
  }
  co_return reply;
}

}  // namespace gfs::gossip
