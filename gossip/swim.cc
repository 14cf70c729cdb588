#include "gossip/swim.h"

#include <algorithm>
#include <cmath>

#include "base/probe.h"
#include "gossip/swim_send.h"

namespace gfs::gossip {

namespace {

constexpr std::size_t kGoodbyes = 5;

NodeId lowest() { return {}; }
NodeId highest() {
  NodeId node;
  node.bytes.fill(0xff);
  return node;
}

}  // namespace

Swim::Swim(Random& random, MemberRecord self, Settings settings, Instant now)
    : random_(random),
      settings_(std::move(settings)),
      now_(now),
      self_(std::move(self)),
      table_(settings_.members_max),
      order_(random),
      next_probe_(now + Duration(static_cast<Duration::rep>(random.unit() *
                                                            static_cast<double>(settings_.suspicion.period.count())))),
      next_exchange_(now + settings_.exchange),
      next_heal_(now),
      next_spread_(now),
      wake_(now) {
  self_.status = MemberStatus::alive;
  self_.incarnation = 1;
  self_.verdict = Verdict::none;
  self_.verdict_number = 0;
}

void Swim::set_load(std::uint64_t stamp, std::uint64_t used, std::uint64_t free, std::uint32_t load) {
  self_.stamp = std::max(stamp, self_.stamp + 1);
  self_.used = used;
  self_.free = free;
  self_.load = load;
}

bool Swim::announce(NodeId node, Verdict verdict, std::uint64_t number) {
  Member* member = table_.find(node);
  if (member == nullptr) return false;
  // The master's word is the last one, whatever was said in its name.
  number = std::min(std::max(number, member->record.verdict_number + 1), kVerdictMax);
  member->record.verdict = verdict;
  member->record.verdict_number = number;
  rumors_.add(node);
  return true;
}

void Swim::ask_about(NodeId node) {
  const Member* member = table_.find(node);
  if (member == nullptr || self_.status == MemberStatus::left) return;
  const MemberRecord target = member->record;
  const std::uint64_t sequence = ++last_sequence_;
  send_ping(bus::Peer::at(target.address), node, sequence);
  (void)ask_others(target, sequence);
}

void Swim::leave(Instant now) {
  now_ = now;
  self_.status = MemberStatus::left;
  probe_.reset();
  std::vector<NodeId> others = order_.all();
  for (std::size_t i = 0; i < std::min(kGoodbyes, others.size()); ++i) {
    std::swap(others[i], others[i + random_.below(others.size() - i)]);
    send_ping(bus::Peer::at(table_.find(others[i])->record.address), others[i], ++last_sequence_);
  }
}

std::size_t Swim::times_told() const {
  return static_cast<std::size_t>(std::ceil(settings_.retransmit * std::log10(static_cast<double>(members()) + 9)));
}

// Whatever was to happen while this process stood still has more time: who did not answer may have.
void Swim::note_stall(Instant now) {
  const Duration stall = now - wake_;
  now_ = now;
  if (stall < settings_.suspicion.period / 2) return;
  PROBE("gossip: this process stood still");
  wake_ = now;
  ++counters_.stalls;
  worsen(1);
  if (probe_) {
    probe_->patience += stall;
    probe_->end += stall;
    next_probe_ = std::max(next_probe_, probe_->end);
  }
  for (auto& [sequence, relay] : relays_) {
    relay.nack += stall;
    relay.end += stall;
  }
  std::set<std::pair<Instant, NodeId>> deadlines;
  for (auto [deadline, node] : deadlines_) {
    Member& member = *table_.find(node);
    if (member.record.status == MemberStatus::suspect) {
      member.since += stall;
      member.deadline += stall;
    }
    deadlines.emplace(member.deadline, node);
  }
  deadlines_ = std::move(deadlines);
}

void Swim::set_wake() {
  wake_ = std::min({next_probe_, next_exchange_, next_heal_});
  if (rumors_.size() > 0) wake_ = std::min(wake_, next_spread_);
  if (probe_) wake_ = std::min(wake_, probe_->helped ? probe_->end : probe_->patience);
  for (const auto& [sequence, relay] : relays_) wake_ = std::min({wake_, relay.nack, relay.end});
  if (!deadlines_.empty()) wake_ = std::min(wake_, deadlines_.begin()->first);
  wake_ = std::max(wake_, now_);
}

void Swim::advance(Instant now) {
  if (self_.status == MemberStatus::left) {
    wake_ = now + settings_.forget_after;
    return;
  }
  note_stall(now);
  if (probe_ && !probe_->helped && now >= probe_->patience) ask_helpers();
  if (probe_ && now >= probe_->end) fail_probe();
  expire_relays();
  expire_suspicions();
  if (now >= next_probe_) begin_probe();
  if (now >= next_exchange_) exchange_with_somebody();
  if (now >= next_heal_) heal();
  if (now >= next_spread_ && rumors_.size() > 0) spread();
  set_wake();
}

void Swim::begin_probe() {
  next_probe_ = now_ + scaled(settings_.suspicion.period);
  const std::optional<NodeId> target = order_.next();
  if (!target) return;
  probe_ = Probe{*target, ++last_sequence_, now_ + scaled(settings_.answer), next_probe_};
  ++counters_.pings;
  send_ping(bus::Peer::at(table_.find(*target)->record.address), *target, probe_->sequence);
}

void Swim::ask_helpers() {
  probe_->helped = true;
  const Member* target = table_.find(probe_->target);
  if (target == nullptr) return;
  probe_->helpers = ask_others(target->record, probe_->sequence);
}

std::set<NodeId> Swim::ask_others(const MemberRecord& target, std::uint64_t sequence) {
  std::set<NodeId> asked;
  std::vector<NodeId> others = order_.all();
  std::erase(others, target.node);
  while (!others.empty() && asked.size() < settings_.helpers) {
    std::swap(others[random_.below(others.size())], others.back());
    const Member& helper = *table_.find(others.back());
    others.pop_back();
    if (helper.record.status != MemberStatus::alive) continue;
    bus::ProbeFor ask;
    ask.sequence = sequence;
    ask.target = target;
    send(bus::Peer::at(helper.record.address), helper.record.node, std::move(ask));
    asked.insert(helper.record.node);
  }
  return asked;
}

void Swim::fail_probe() {
  const Probe probe = *std::exchange(probe_, std::nullopt);
  ++counters_.failed;
  // Helpers that said nothing at all: the trouble is here.
  const auto asked = static_cast<unsigned>(probe.helpers.size());
  worsen(asked == 0 ? 1 : asked - std::min(asked, probe.nacks));
  if (Member* target = table_.find(probe.target)) suspect(*target, self_.node);
}

void Swim::suspect(Member& member, NodeId accuser) {
  if (!is_present(member.record.status)) return;
  ++counters_.suspected;
  MemberRecord told = member.record;
  told.status = MemberStatus::suspect;
  told.accuser = accuser;
  hear(told, false);
}

void Swim::set_deadline(Member& member) {
  const NodeId node = member.record.node;
  deadlines_.erase({member.deadline, node});
  if (member.record.status == MemberStatus::alive) return;
  member.deadline = member.since + settings_.forget_after;
  if (member.record.status == MemberStatus::suspect)
    member.deadline = member.since + suspicion_time(settings_.suspicion, members(), member.accusers.size() - 1);
  deadlines_.emplace(member.deadline, node);
}

void Swim::forget(const Member& member) {
  const NodeId node = member.record.node;
  deadlines_.erase({member.deadline, node});
  rumors_.remove(node);
  table_.forget(node);
}

void Swim::expire_suspicions() {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_) {
    const NodeId node = deadlines_.begin()->second;
    Member& member = *table_.find(node);
    if (!is_present(member.record.status)) {
      forget(member);
    } else if (member.heard > member.since && member.spared < settings_.spared_max) {
      PROBE("gossip: a suspect was heard itself and is spared");
      ++member.spared;
      member.since = now_;
      set_deadline(member);
    } else {
      ++counters_.died;
      MemberRecord told = member.record;
      told.status = MemberStatus::dead;
      hear(told, false);
    }
  }
}

void Swim::expire_relays() {
  std::erase_if(relays_, [this](const auto& one) { return now_ >= one.second.end; });
  for (auto& [sequence, relay] : relays_) {
    if (now_ < relay.nack) continue;
    relay.nack = relay.end;
    bus::Nack nack;
    nack.sequence = relay.sequence;
    send(relay.to, relay.asker, std::move(nack));
  }
}

void Swim::exchange_with_somebody() {
  const Duration pause = settings_.exchange;
  next_exchange_ = now_ + pause * 4 / 5 + pause * static_cast<Duration::rep>(random_.below(401)) / 1000;
  if (order_.all().empty()) return;
  const NodeId partner = order_.all()[random_.below(order_.all().size())];
  bus::Exchange exchange;
  exchange.parts.push_back(table_.part(lowest(), highest(), self_));
  send(bus::Peer::at(table_.find(partner)->record.address), partner, std::move(exchange));
}

// The dead may be alive beyond a cut that has gone; seeds may be who this one does not know yet.
void Swim::heal() {
  next_heal_ = now_ + settings_.heal;
  std::vector<std::pair<NodeId, bus::Address>> who;
  std::set<bus::Address> present{self_.address};
  for (const auto& [node, member] : table_.all()) {
    if (member.record.status == MemberStatus::dead) who.emplace_back(node, member.record.address);
    if (is_present(member.record.status)) present.insert(member.record.address);
  }
  for (const bus::Address& seed : seeds_) {
    if (!present.contains(seed)) who.emplace_back(NodeId{}, seed);
  }
  if (who.empty()) return;
  const auto& [node, address] = who[random_.below(who.size())];
  bus::Exchange exchange;
  exchange.parts.push_back(table_.part(lowest(), highest(), self_));
  send(bus::Peer::at(address), node, std::move(exchange));
}

// News do not wait for probes, which are slow in bad health.
void Swim::spread() {
  next_spread_ = now_ + settings_.spread;
  for (unsigned i = 0; i < settings_.spread_to; ++i) tell_somebody();
}

void Swim::tell_somebody() {
  if (order_.all().empty()) return;
  const NodeId node = order_.all()[random_.below(order_.all().size())];
  send_ping(bus::Peer::at(table_.find(node)->record.address), node, ++last_sequence_);
}

bus::Believed Swim::believed(NodeId node) const {
  const Member* member = table_.find(node);
  if (member == nullptr) return {};
  return {member->record.status, member->record.incarnation, node};
}

std::vector<MemberRecord> Swim::news(NodeId receiver, const std::set<NodeId>& known) {
  std::vector<MemberRecord> told;
  for (NodeId node : rumors_.take(settings_.rumors_max, times_told(), known)) {
    const Member* member = table_.find(node);  // not this one itself: it is in every message
    if (member != nullptr) told.push_back(member->record);
  }
  const std::vector<NodeId>& all = order_.all();
  for (std::size_t i = 0; i < settings_.fillers && !all.empty() && told.size() < settings_.rumors_max; ++i) {
    const NodeId node = all[next_filler_++ % all.size()];
    if (node != receiver) told.push_back(table_.find(node)->record);
  }
  return told;
}

void Swim::send_ping(const bus::Peer& to, NodeId target, std::uint64_t sequence) {
  bus::Ping ping;
  ping.sequence = sequence;
  ping.target = target;
  ping.rumors = news(target);
  send(to, target, std::move(ping));
}

}  // namespace gfs::gossip
