// What a member makes of what it hears. What it does by itself: swim.cc.
#include <algorithm>

#include "base/log.h"
#include "gossip/swim_send.h"

namespace gfs::gossip {

namespace {

constexpr std::size_t kPage = 24;  // members of a part that are told instead of compared further
constexpr std::size_t kPiecesMax = 16;
constexpr std::size_t kPartsMax = 96;  // in a message
constexpr std::size_t kRecordsMax = 192;
constexpr std::size_t kRelaysMax = 256;
constexpr Duration kRelayTime = 5s;
constexpr std::size_t kTextMax = 255;
// What is believed, and what one takes over for oneself: the next one must still be believed.
constexpr std::uint64_t kStampMax = std::uint64_t{1} << 62, kStampTaken = std::uint64_t{1} << 61;

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
