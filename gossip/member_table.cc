#include "gossip/member_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/hash64.h"

namespace gfs::gossip {

namespace {

constexpr Duration kBaseKept = 30s;
constexpr std::uint64_t kDatedMs = 3600 * 1000;

using Wide = unsigned __int128;

Wide number_of(NodeId node) {
  Wide number = 0;
  for (std::uint8_t byte : node.bytes) number = number << 8 | byte;
  return number;
}

NodeId node_of(Wide number) {
  NodeId node;
  for (std::size_t i = node.bytes.size(); i-- > 0; number >>= 8) node.bytes[i] = static_cast<std::uint8_t>(number);
  return node;
}

// Of what tables have to agree about; a load that has changed is no difference.
std::uint64_t digest_of(const MemberRecord& record) {
  std::array<std::uint8_t, 40> bytes{};
  std::ranges::copy(record.node.bytes, bytes.begin());
  const std::array<std::uint64_t, 3> words{record.incarnation, static_cast<std::uint64_t>(record.status),
                                           record.verdict_number};
  std::memcpy(bytes.data() + 16, words.data(), 24);
  return hash64(bytes.data(), bytes.size());
}

int rank(MemberStatus status) { return static_cast<int>(status); }

template <class Visit>
void walk(const std::map<NodeId, Member>& members, NodeId low, NodeId high, const MemberRecord& self, Visit visit) {
  if (low <= self.node && self.node <= high) visit(self);
  for (auto at = members.lower_bound(low); at != members.end() && at->first <= high; ++at) visit(at->second.record);
}

}  // namespace

bool outranks(const MemberRecord& one, const MemberRecord& other) {
  if (one.incarnation != other.incarnation) return one.incarnation > other.incarnation;
  return rank(one.status) > rank(other.status);
}

Member* MemberTable::find(NodeId node) {
  const auto found = members_.find(node);
  return found == members_.end() ? nullptr : &found->second;
}

const Member* MemberTable::find(NodeId node) const {
  const auto found = members_.find(node);
  return found == members_.end() ? nullptr : &found->second;
}

void MemberTable::count(MemberStatus before, MemberStatus after) {
  if (is_present(before)) --present_;
  if (is_present(after)) ++present_;
}

void MemberTable::set_status(Member& member, MemberStatus status, Instant now) {
  count(member.record.status, status);
  member.record.status = status;
  member.since = now;
  if (status != MemberStatus::suspect) {
    member.record.accuser = {};
    member.accusers.clear();
    member.spared = 0;
  }
}

const Member* MemberTable::longest_gone() const {
  const Member* longest = nullptr;
  for (const auto& [node, member] : members_) {
    if (is_present(member.record.status)) continue;
    if (longest == nullptr || member.since < longest->since) longest = &member;
  }
  return longest;
}

// Stamps are times by the member's own clock. The message from it itself that took least tells how far that clock is
// from ours; from time to time another one, as clocks drift and are set.
void MemberTable::date_stamp(Member& member, bool first_hand, Instant now) {
  const std::uint64_t stamp = member.record.stamp;
  const auto made = [&] {
    if (member.based == Instant{} || stamp - member.base > kDatedMs) return now;
    return std::min(now, member.based + std::chrono::milliseconds(stamp - member.base));
  };
  if (first_hand && (now <= made() || now - member.based > kBaseKept)) {
    member.based = now;
    member.base = stamp;
  }
  member.lived = std::max(member.lived, made());
}

MemberTable::News MemberTable::merge(const MemberRecord& told, bool first_hand, Instant now) {
  Member* member = find(told.node);
  if (member == nullptr) {
    if (told.incarnation > kIncarnationMax) return News::refused;
    if (!is_present(told.status)) return News::none;
    if (full()) return News::refused;
    Member& made = members_[told.node];
    made.record = told;
    made.record.status = MemberStatus::left;  // counted below
    made.heard = first_hand ? now : Instant{};
    made.fresh = now;
    date_stamp(made, first_hand, now);
    set_status(made, told.status, now);
    if (told.status == MemberStatus::suspect) made.accusers.insert(told.accuser);
    return News::newcomer;
  }
  MemberRecord& known = member->record;
  if (told.incarnation > kIncarnationMax || told.incarnation > known.incarnation + kIncarnationJump)
    return News::refused;
  if (first_hand) member->heard = now;
  if (told.stamp > known.stamp) {
    // A stamp from a later time than its member's own cannot be told from a true one; the member's next is above it.
    known.stamp = told.stamp;
    known.role = told.role;
    known.address = told.address;
    known.rack = told.rack;
    known.program = told.program;
    known.used = told.used;
    known.free = told.free;
    known.load = told.load;
    member->fresh = now;
    date_stamp(*member, first_hand, now);
  }
  News news = News::none;
  if (told.verdict_number > known.verdict_number) {
    known.verdict_number = told.verdict_number;
    known.verdict = told.verdict;
    news = News::verdict;
  }
  if (outranks(told, known)) {
    known.incarnation = told.incarnation;
    set_status(*member, told.status, now);
    member->accusers.clear();
    member->spared = 0;
    if (told.status == MemberStatus::suspect) {
      known.accuser = told.accuser;
      member->accusers.insert(told.accuser);
    }
    return News::status;
  }
  if (told.status == MemberStatus::suspect && known.status == MemberStatus::suspect &&
      told.incarnation == known.incarnation && member->accusers.size() < kAccusersMax &&
      !member->accusers.contains(told.accuser)) {
    member->accusers.insert(told.accuser);
    known.accuser = told.accuser;  // who is passed on
    return News::accuser;
  }
  return news;
}

bus::Exchange::Part MemberTable::part(NodeId low, NodeId high, const MemberRecord& self) const {
  bus::Exchange::Part part{low, high, 0, 0};
  walk(members_, low, high, self, [&part](const MemberRecord& record) {
    // The dead are forgotten at different times, and whoever came later never knew them.
    if (!is_present(record.status)) return;
    ++part.count;
    part.digest += digest_of(record);
  });
  return part;
}

std::vector<MemberRecord> MemberTable::records(NodeId low, NodeId high, const MemberRecord& self,
                                               std::size_t most) const {
  std::vector<MemberRecord> records;
  for (const bool present : {true, false}) {
    walk(members_, low, high, self, [&](const MemberRecord& record) {
      if (is_present(record.status) == present && records.size() < most) records.push_back(record);
    });
  }
  return records;
}

std::vector<std::pair<NodeId, NodeId>> split(NodeId low, NodeId high, unsigned pieces) {
  std::vector<std::pair<NodeId, NodeId>> parts;
  if (low > high || pieces == 0) return parts;
  const Wide first = number_of(low), last = number_of(high);
  const Wide step = (last - first) / pieces + 1;
  for (Wide at = first;;) {
    const Wide end = last - at < step ? last : at + step - 1;
    parts.emplace_back(node_of(at), node_of(end));
    if (end == last) return parts;
    at = end + 1;
  }
}

}  // namespace gfs::gossip
