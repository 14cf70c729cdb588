// MemberTable: what one member believes of all others; and which of two statements counts.
//
// * A higher incarnation counts more; of the same one left > dead > suspect > alive. So only a member itself can undo
//   what is said of it: by a higher incarnation.
// * What a member says of itself (address, load ...) counts by its stamp, a master's verdict by its number, whatever
//   became of the rest.
// * Of somebody unknown only life is believed: the dead are not brought back.
// * An incarnation that jumps further than one can come by contradicting is not believed at all.
//
// Pure. Bounded: members_max; those that are dead or left are forgotten after a while.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "base/time.h"
#include "bus/messages/gossip.h"

namespace gfs::gossip {

using bus::MemberRecord;
using bus::MemberStatus;
using bus::NodeId;
using bus::Verdict;

inline constexpr std::size_t kAccusersMax = 16;
inline constexpr std::uint64_t kIncarnationJump = 1u << 20;               // of a member that is known
inline constexpr std::uint64_t kIncarnationMax = std::uint64_t{1} << 48;  // of anybody

struct Member {
  MemberRecord record;
  Instant heard{};  // a message from it itself came here
  Instant fresh{};  // its stamp rose, whoever told it
  Instant lived{};  // when that stamp was made, or a little later: however long the news of it took
  Instant based{};  // when it was heard itself with `base`, by which later stamps are dated
  std::uint64_t base = 0;
  Instant since{};     // its status is what it is
  Instant deadline{};  // suspect: it is dead then; dead or left: it is forgotten
  // Suspect: who accuses it, and how often it was heard all the same.
  std::set<NodeId> accusers;
  unsigned spared = 0;
};

// Of the same member: whether the status of `one` undoes that of `other`.
bool outranks(const MemberRecord& one, const MemberRecord& other);

class MemberTable {
 public:
  explicit MemberTable(std::size_t members_max) : members_max_(members_max) {}

  enum class News : std::uint8_t {
    none,      // nothing that others have to know
    verdict,   // of the master
    accuser,   // one more who finds the suspect silent by itself
    status,    // changed
    newcomer,  // there was none of this id
    refused,   // not believed: an incarnation out of bounds, or no room
  };
  // What somebody says of a member. `first_hand`: the member itself.
  News merge(const MemberRecord& told, bool first_hand, Instant now);

  Member* find(NodeId node);
  const Member* find(NodeId node) const;
  const std::map<NodeId, Member>& all() const { return members_; }
  // With a status that others have to be told of.
  void set_status(Member& member, MemberStatus status, Instant now);
  void forget(NodeId node) { members_.erase(node); }
  bool full() const { return members_.size() >= members_max_; }
  // Dead or left, since longest; nullptr: nobody is.
  const Member* longest_gone() const;
  // Alive and suspect ones.
  std::size_t present() const { return present_; }

  // Of the members in [low, high], to which `self` belongs. A part is about those that are present: tables that differ
  // in the dead alone are equal.
  bus::Exchange::Part part(NodeId low, NodeId high, const MemberRecord& self) const;
  // Those that are present first: they are what parts are compared by.
  std::vector<MemberRecord> records(NodeId low, NodeId high, const MemberRecord& self, std::size_t most) const;

 private:
  static void date_stamp(Member& member, bool first_hand, Instant now);
  void count(MemberStatus before, MemberStatus after);

  const std::size_t members_max_;
  std::map<NodeId, Member> members_;
  std::size_t present_ = 0;
};

// [low, high] cut into at most `pieces` that do not overlap, in order.
std::vector<std::pair<NodeId, NodeId>> split(NodeId low, NodeId high, unsigned pieces);

inline bool is_present(MemberStatus status) { return status == MemberStatus::alive || status == MemberStatus::suspect; }

}  // namespace gfs::gossip
