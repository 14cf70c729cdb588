// Between members of a cluster, chunkservers and masters: who is alive. Casts, all of them: an answer is a message of
// its own, and none may be lost that matters.
//
// Every message begins with what its sender says of itself, and with what the sender believes of the receiver, who can
// then contradict at once.
#pragma once

#include "bus/bus.h"
#include "bus/messages/types.h"

namespace gfs::bus {

// A member, whatever its address. A chunkserver's is its server id, a master's its cluster's id.
using NodeId = Uuid<struct NodeTag>;

// What the members believe.
enum class MemberStatus : std::uint8_t {
  alive = 1,
  suspect = 2,  // did not answer somebody; it may contradict
  dead = 3,     // did not contradict in time
  left = 4,     // said goodbye
};

// What the master decided of a chunkserver; the one with the higher number counts.
enum class Verdict : std::uint8_t {
  none = 0,
  lost = 1,
  back = 2,
  drained = 3,
};

struct MemberRecord {
  NodeId node;
  Roles role = kChunkserver;
  MemberStatus status = MemberStatus::alive;
  // Only the member itself raises it, to contradict what is said of it.
  std::uint64_t incarnation = 0;
  NodeId accuser;           // suspect: who found it silent
  std::uint64_t stamp = 0;  // of what it says of itself, from here on: its own time in ms, always rising
  Address address;          // where it hears gossip
  std::string rack;
  std::string program;  // "gfs-chunkserver 0.1.0"
  std::uint64_t used = 0, free = 0;
  std::uint32_t load = 0;  // requests that it served in the last second
  Verdict verdict = Verdict::none;
  std::uint64_t verdict_number = 0;
  GFS_FIELDS(node, role, status, incarnation, accuser, stamp, address, rack, program, used, free, load, verdict,
             verdict_number);
};

// What the sender believes of the receiver. incarnation 0: it does not know it.
struct Believed {
  MemberStatus status = MemberStatus::alive;
  std::uint64_t incarnation = 0;
  NodeId node;  // whom it takes the receiver for; nil: whoever is there
  GFS_FIELDS(status, incarnation, node);
};

struct Ping {
  static constexpr std::string_view kind = "gossip.ping";
  static constexpr Roles senders = kMaster | kChunkserver;
  using Reply = Done;
  MemberRecord from;
  Believed you;
  std::uint64_t sequence = 0;
  NodeId target;  // nil: whoever is there
  std::vector<MemberRecord> rumors;
  GFS_FIELDS(from, you, sequence, target, rumors);
};

// Also from a helper: the target answered it.
struct Ack {
  static constexpr std::string_view kind = "gossip.ack";
  static constexpr Roles senders = kMaster | kChunkserver;
  using Reply = Done;
  MemberRecord from;
  Believed you;
  std::uint64_t sequence = 0;  // of the Ping or ProbeFor
  std::vector<MemberRecord> rumors;
  GFS_FIELDS(from, you, sequence, rumors);
};

// Please ping the target: it does not answer me.
struct ProbeFor {
  static constexpr std::string_view kind = "gossip.probe_for";
  static constexpr Roles senders = kMaster | kChunkserver;
  using Reply = Done;
  MemberRecord from;
  Believed you;
  std::uint64_t sequence = 0;
  MemberRecord target;
  GFS_FIELDS(from, you, sequence, target);
};

// From a helper: nothing from the target so far; but I am here.
struct Nack {
  static constexpr std::string_view kind = "gossip.nack";
  static constexpr Roles senders = kMaster | kChunkserver;
  using Reply = Done;
  MemberRecord from;
  Believed you;
  std::uint64_t sequence = 0;  // of the ProbeFor
  GFS_FIELDS(from, you, sequence);
};

// Compares two tables, a part at a time. Where a part differs, a small one is told, a large one is compared in pieces.
struct Exchange {
  static constexpr std::string_view kind = "gossip.exchange";
  static constexpr Roles senders = kMaster | kChunkserver;
  using Reply = Done;
  struct Part {
    NodeId low, high;  // both are in it
    std::uint32_t count = 0;
    std::uint64_t digest = 0;  // of who is alive or suspect in it, and what is believed of them
    GFS_FIELDS(low, high, count, digest);
  };
  MemberRecord from;
  Believed you;
  std::vector<Part> parts;            // to be compared
  std::vector<MemberRecord> records;  // that the sender has in parts that differ
  std::vector<Part> wanted;           // please tell what you have there
  GFS_FIELDS(from, you, parts, records, wanted);
};

// Chunkserver -> master, on the control conversation: whom to begin with.
struct FindMembers {
  static constexpr std::string_view kind = "gossip.find_members";
  static constexpr Roles senders = kChunkserver;
  struct Reply {
    std::vector<Address> members;  // where they hear gossip; empty: the master takes no part
    GFS_FIELDS(members);
  };
  std::uint32_t limit = 8;
  GFS_FIELDS(limit);
};

// Anyone -> a member, on the control conversation: what it believes of all others. A page, by node.
//   unavailable: it takes no part
struct ListMembers {
  static constexpr std::string_view kind = "gossip.list_members";
  static constexpr Roles senders = kAnyClient;
  struct Row {
    MemberRecord member;
    std::int64_t heard_ms = -1;  // so long ago something came from it itself; -1: never
    std::int64_t fresh_ms = 0;   // ... something newer than before was known of it, whoever told it
    std::int64_t status_ms = 0;  // its status is so old
    std::uint32_t accusers = 0;  // of a suspect
    GFS_FIELDS(member, heard_ms, fresh_ms, status_ms, accusers);
  };
  struct Reply {
    MemberRecord self;
    std::uint32_t health = 0;  // how much it doubts itself; 0: not at all
    std::vector<Row> rows;
    bool more = false;  // ask again with the last node
    GFS_FIELDS(self, health, rows, more);
  };
  NodeId after;
  std::uint32_t limit = 200;  // at most 1000
  GFS_FIELDS(after, limit);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::MemberStatus)
MSGPACK_ADD_ENUM(gfs::bus::Verdict)
