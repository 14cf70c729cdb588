#include "gossip/swim.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/probe.h"

namespace gfs::gossip {

namespace {

constexpr std::size_t kPage = 24;  // members of a part that are told instead of compared further
constexpr std::size_t kPiecesMax = 16;
constexpr std::size_t kPartsMax = 96;  // in a message
constexpr std::size_t kRecordsMax = 192;
constexpr std::size_t kRelaysMax = 256;
constexpr Duration kRelayTime = 5s;
constexpr std::size_t kGoodbyes = 5;
constexpr std::size_t kTextMax = 255;
// What is believed, and what one takes over for oneself: the next one must still be believed.
constexpr std::uint64_t kStampMax = std::uint64_t{1} << 62, kStampTaken = std::uint64_t{1} << 61;
constexpr std::uint64_t kVerdictMax = std::uint64_t{1} << 61;

NodeId lowest() { return {}; }
NodeId highest() {
  NodeId node;
  node.bytes.fill(0xff);
  return node;
}

bool is_sound(const MemberRecord& record) {
  return !record.node.nil() && record.status >= MemberStatus::alive && record.status <= MemberStatus::left &&
         record.verdict <= Verdict::drained && record.verdict_number <= kVerdictMax && record.stamp <= kStampMax &&
         record.address.size() <= kTextMax && record.rack.size() <= kTextMax && record.program.size() <= kTextMax;
}

bool is_same_news(const MemberRecord& one, const MemberRecord& other) {
  return one.incarnation == other.incarnation && one.status == other.status &&
         one.verdict_number == other.verdict_number;
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

template <class M>
void Swim::send(const bus::Peer& to, NodeId receiver, M message) {
  message.from = self_;
  message.you = believed(receiver);
  outgoing_.push_back({to, std::move(message)});
}

void Swim::send_ping(const bus::Peer& to, NodeId target, std::uint64_t sequence) {
  bus::Ping ping;
  ping.sequence = sequence;
  ping.target = target;
  ping.rumors = news(target);
  send(to, target, std::move(ping));
}

void Swim::tell_change(const Member& member, std::optional<MemberStatus> before) {
  changes_.push_back({member.record.node, before, member.record.status, member.record.accuser});
}

void Swim::hear(const MemberRecord& told, bool first_hand) {
  if (!is_sound(told)) {
    ++counters_.refused;
    return;
  }
  if (told.node == self_.node) {
    // Of an earlier life, by a clock that was ahead.
    if (told.stamp <= kStampTaken) self_.stamp = std::max(self_.stamp, told.stamp);
    // A master's word: tables agree when all have it, the one that it is about as well.
    if (told.verdict_number > self_.verdict_number) {
      self_.verdict = told.verdict;
      self_.verdict_number = told.verdict_number;
    }
    hear_of_self(told.status, told.incarnation);
    return;
  }
  const Member* known = table_.find(told.node);
  if (known == nullptr && table_.full()) {
    // The living are worth more than the memory of the dead.
    if (const Member* oldest = table_.longest_gone()) forget(*oldest);
  }
  const std::optional<MemberStatus> before = known != nullptr ? std::optional(known->record.status) : std::nullopt;
  const MemberTable::News news = table_.merge(told, first_hand, now_);
  if (news == MemberTable::News::none) return;
  if (news == MemberTable::News::refused) {
    ++counters_.refused;
    log::write_limited(log::Level::warn, "gossip_not_believed",
                       {{"member", told.node}, {"incarnation", told.incarnation}});
    return;
  }
  Member& member = *table_.find(told.node);
  if (news == MemberTable::News::accuser && member.accusers.size() > settings_.suspicion.accusers + 1) return;
  rumors_.add(told.node);
  if (news == MemberTable::News::verdict) return;
  const bool was_there = before && is_present(*before), is_there = is_present(member.record.status);
  if (!was_there && is_there) order_.add(told.node);
  if (was_there && !is_there) order_.remove(told.node);
  set_deadline(member);
  if (before == member.record.status) return;
  tell_change(member, before);
  // It should hear of that soon: from its accuser, and from a few others.
  const bool own = member.record.accuser == self_.node;
  if (member.record.status == MemberStatus::suspect && (own || random_.below(members()) < settings_.helpers)) {
    send_ping(bus::Peer::at(member.record.address), told.node, ++last_sequence_);
  }
}

void Swim::hear_of_self(MemberStatus status, std::uint64_t incarnation) {
  // Of an earlier life anything may be left, as long as the answer to it will be believed.
  const bool first = self_.incarnation == 1;
  if (incarnation > kIncarnationMax / 2 || (!first && incarnation > self_.incarnation + kIncarnationJump)) {
    ++counters_.refused;
    log::write_limited(log::Level::warn, "gossip_not_believed", {{"member", self_.node}, {"incarnation", incarnation}});
    return;
  }
  const bool contradict =
      incarnation > self_.incarnation || (incarnation == self_.incarnation && status != MemberStatus::alive);
  if (!contradict) return;
  self_.incarnation = incarnation + 1;
  rumors_.add(self_.node);
  if (status != MemberStatus::suspect && status != MemberStatus::dead) return;
  ++counters_.refuted;
  worsen(1);
  for (unsigned i = 0; i < settings_.helpers; ++i) tell_somebody();
}

bool Swim::greet(const MemberRecord& from, const bus::Believed& you) {
  if (from.node == self_.node) {
    ++counters_.conflicts;
    log::write_limited(log::Level::error, "gossip_same_id_twice", {{"member", from.node}, {"address", from.address}});
    return false;
  }
  if (!is_sound(from) || (from.status != MemberStatus::alive && from.status != MemberStatus::left)) {
    ++counters_.refused;
    return false;
  }
  hear(from, true);
  // What is meant for whoever was at this address before is not about this one.
  if (you.incarnation != 0 && (you.node.nil() || you.node == self_.node)) hear_of_self(you.status, you.incarnation);
  return true;
}

void Swim::receive(const Message& message, const bus::Peer& via, Instant now) {
  if (self_.status == MemberStatus::left) return;
  note_stall(now);
  std::visit([&](const auto& one) { on(one, via); }, message);
  set_wake();
}

void Swim::on(const bus::Ping& ping, const bus::Peer& via) {
  if (!greet(ping.from, ping.you)) return;
  if (!ping.target.nil() && ping.target != self_.node) {
    ++counters_.refused;  // for whoever was at this address before
    return;
  }
  std::set<NodeId> known;
  for (std::size_t i = 0; i < std::min(ping.rumors.size(), kRecordsMax); ++i) {
    const MemberRecord& told = ping.rumors[i];
    hear(told, false);
    const Member* member = table_.find(told.node);
    if (member != nullptr && is_same_news(member->record, told)) known.insert(told.node);
  }
  bus::Ack ack;
  ack.sequence = ping.sequence;
  ack.rumors = news(ping.from.node, known);
  send(via, ping.from.node, std::move(ack));
}

void Swim::on(const bus::Ack& ack, const bus::Peer&) {
  if (!greet(ack.from, ack.you)) return;
  for (std::size_t i = 0; i < std::min(ack.rumors.size(), kRecordsMax); ++i) hear(ack.rumors[i], false);
  const bool asked = probe_ && probe_->sequence == ack.sequence &&
                     (probe_->target == ack.from.node || probe_->helpers.contains(ack.from.node));
  if (asked) {
    ++counters_.acks;
    improve();
    probe_.reset();
  }
  const auto relay = relays_.find(ack.sequence);
  if (relay == relays_.end() || relay->second.target != ack.from.node) return;
  bus::Ack answer;
  answer.sequence = relay->second.sequence;
  answer.rumors = {ack.from};
  send(relay->second.to, relay->second.asker, std::move(answer));
  relays_.erase(relay);
}

void Swim::on(const bus::ProbeFor& ask, const bus::Peer& via) {
  if (!greet(ask.from, ask.you)) return;
  if (relays_.size() >= kRelaysMax || !is_sound(ask.target) || ask.target.address.empty()) {
    ++counters_.refused;
    return;
  }
  hear(ask.target, false);
  const Member* target = table_.find(ask.target.node);                  // it may have moved, and the asker not know
  const Duration left = settings_.suspicion.period - settings_.answer;  // the asker's patience
  const std::uint64_t sequence = ++last_sequence_;
  relays_[sequence] = {via, ask.from.node, ask.target.node, ask.sequence, now_ + left / 2, now_ + kRelayTime};
  send_ping(bus::Peer::at(target != nullptr ? target->record.address : ask.target.address), ask.target.node, sequence);
}

void Swim::on(const bus::Nack& nack, const bus::Peer&) {
  if (!greet(nack.from, nack.you)) return;
  if (probe_ && probe_->sequence == nack.sequence) ++probe_->nacks;
}

// Whoever was cut off alone takes everybody for dead when it comes back: who is alive here may contradict first.
MemberRecord Swim::doubted(MemberRecord told, NodeId teller) const {
  const Member* known = table_.find(told.node);
  if (told.status != MemberStatus::dead || known == nullptr || !is_present(known->record.status)) return told;
  told.status = MemberStatus::suspect;
  told.accuser = teller;
  return told;
}

void Swim::on(const bus::Exchange& exchange, const bus::Peer& via) {
  if (!greet(exchange.from, exchange.you)) return;
  bus::Exchange answer;
  auto add = [&answer](const MemberRecord& record) {
    if (answer.records.size() < kRecordsMax) answer.records.push_back(record);
  };
  auto was_told = [&exchange](const MemberRecord& record) {
    return std::ranges::any_of(exchange.records, [&](const MemberRecord& told) {
      return told.node == record.node && is_same_news(told, record);
    });
  };
  for (std::size_t i = 0; i < std::min(exchange.wanted.size(), kPartsMax); ++i) {
    const bus::Exchange::Part& part = exchange.wanted[i];
    for (const MemberRecord& record : table_.records(part.low, part.high, self_, kPage)) {
      if (!was_told(record)) add(record);
    }
  }
  for (std::size_t i = 0; i < std::min(exchange.records.size(), kRecordsMax); ++i)
    hear(doubted(exchange.records[i], exchange.from.node), false);
  for (std::size_t i = 0; i < std::min(exchange.parts.size(), kPartsMax); ++i) {
    const bus::Exchange::Part& theirs = exchange.parts[i];
    const bus::Exchange::Part own = table_.part(theirs.low, theirs.high, self_);
    if (own.count == theirs.count && own.digest == theirs.digest) continue;
    if (std::max<std::size_t>(own.count, theirs.count) <= kPage || theirs.low == theirs.high) {
      for (const MemberRecord& record : table_.records(theirs.low, theirs.high, self_, kPage)) add(record);
      if (answer.wanted.size() < kPartsMax) answer.wanted.push_back(own);
      continue;
    }
    const std::size_t pieces = std::min(kPiecesMax, 2 + std::max<std::size_t>(own.count, theirs.count) * 2 / kPage);
    for (auto [low, high] : split(theirs.low, theirs.high, static_cast<unsigned>(pieces))) {
      if (answer.parts.size() < kPartsMax) answer.parts.push_back(table_.part(low, high, self_));
    }
  }
  if (!answer.parts.empty() || !answer.records.empty() || !answer.wanted.empty())
    send(via, exchange.from.node, std::move(answer));
}

}  // namespace gfs::gossip
