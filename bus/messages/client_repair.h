// Client -> master: servers that are to go, or stay away for a while; how chunks are brought back to full strength; and
// why something was done, or is not.
#pragma once

#include "bus/messages/types.h"

namespace gfs::bus {

// An operator's word about a server; it stands in the log.
enum class ServerMark : std::uint8_t {
  none = 0,
  // It may be away for a while: nobody makes up for it, and it gets no new chunks.
  maint = 1,
  // It is to go: its chunks are copied elsewhere, then taken off it; it gets no new ones.
  drain = 2,
};

// not_found: no such server. A repeat changes nothing.
struct MarkServer {
  static constexpr std::string_view kind = "master.mark_server";
  static constexpr Roles senders = kWriters;
  using Reply = Done;
  ServerId server;
  ServerMark mark = ServerMark::none;
  std::uint64_t for_ms = 0;  // maint: so long
  ServerId successor;        // drain: who takes its chunks, as far as it can. Nil: anybody
  GFS_FIELDS(server, mark, for_ms, successor);
};

// The server is not known any more: should it come again, it is a new one. conflict: it is heard, or chunks count on it
// (the error says how many).
struct ForgetServer {
  static constexpr std::string_view kind = "master.forget_server";
  static constexpr Roles senders = kWriters;
  using Reply = Done;
  ServerId server;
  GFS_FIELDS(server);
};

// What would become of the chunks if these servers stopped now, all of them.
struct AskStop {
  static constexpr std::string_view kind = "master.ask_stop";
  static constexpr Roles senders = kAnyClient;
  struct Reply {
    bool ok = false;                // every chunk can still be read and written to; what drains has nothing any more
    std::string why;                // not: in words
    std::uint64_t chunks = 0;       // with a member there
    std::uint64_t unreadable = 0;   // nobody else has it
    std::uint64_t unwritable = 0;   // too few others have it to write to
    std::uint64_t fewer = 0;        // fewer than its goal have it, but enough
    std::vector<ChunkHandle> some;  // of the first two kinds, at most 10
    GFS_FIELDS(ok, why, chunks, unreadable, unwritable, fewer, some);
  };
  std::vector<ServerId> servers;  // at most 256
  GFS_FIELDS(servers);
};

// Speed and pause of repair, for the whole cluster; in the log. Each: its value, kDefault (of the master's settings) or
// kKeep.
struct SetRepair {
  static constexpr std::string_view kind = "master.set_repair";
  static constexpr Roles senders = kWriters;
  using Reply = Done;
  static constexpr std::int64_t kDefault = -1;
  static constexpr std::int64_t kKeep = -2;
  std::int64_t paused = kKeep;       // 1: no copies are begun
  std::int64_t per_server = kKeep;   // bytes a second into each server, and at most as much out of it; 0: no limit
  std::int64_t per_cluster = kKeep;  // bytes a second altogether; 0: no limit
  std::int64_t balance = kKeep;      // 0: nothing is moved for balance
  GFS_FIELDS(paused, per_server, per_cluster, balance);
};

// How repair stands.
struct ListRepairs {
  static constexpr std::string_view kind = "master.list_repairs";
  static constexpr Roles senders = kAnyClient;
  struct Repair {
    ChunkHandle handle;
    std::string need;            // "copy", "settle"
    std::uint32_t sound = 0;     // members that count and can be had ...
    std::uint32_t goal = 0;      // ... of so many
    std::string state;           // "running", "ready", "waiting"
    std::string why;             // waiting: for what
    ServerId source, target;     // running, once they are chosen
    std::uint64_t since_ms = 0;  // in need for so long
    std::uint32_t tries = 0;     // in vain
    GFS_FIELDS(handle, need, sound, goal, state, why, source, target, since_ms, tries);
  };
  struct Reply {
    bool paused = false;
    std::uint64_t per_server = 0, per_cluster = 0;  // bytes a second; 0: no limit
    std::string held_back;                          // why no copies are begun now, but of what is down to one; or empty
    std::uint64_t known = 0, running = 0;           // chunks in need; where they are very many, the most endangered
    std::vector<std::uint64_t> by_sound;            // of them: with 0, 1, 2, 3 and more sound members
    std::uint64_t copied_chunks = 0, copied_bytes = 0, failed = 0;  // since the master started
    std::vector<Repair> repairs;                                    // most endangered first
    GFS_FIELDS(paused, per_server, per_cluster, held_back, known, running, by_sound, copied_chunks, copied_bytes,
               failed, repairs);
  };
  std::uint32_t limit = 100;  // at most 1000
  GFS_FIELDS(limit);
};

// How evenly chunks are spread over servers and racks, and what is done about it.
struct ShowBalance {
  static constexpr std::string_view kind = "master.show_balance";
  static constexpr Roles senders = kAnyClient;
  struct Server {
    ServerId server;
    std::string rack;
    double share = 0;    // of its capacity that is in use, without what was moved away and is still to be unlinked
    bool takes = false;  // chunks from others
    GFS_FIELDS(server, rack, share, takes);
  };
  struct Move {
    ChunkHandle handle;
    ServerId source, target;
    std::string why;
    GFS_FIELDS(handle, source, target, why);
  };
  struct Reply {
    bool stopped = false;                 // by an operator
    std::string waits;                    // why no move is begun now; or empty
    bool filling = false;                 // a server is, or was, too far from the mean
    double mean = 0, threshold = 0;       // shares
    std::uint64_t moved = 0, failed = 0;  // since the master started
    std::vector<Server> servers;          // that are up
    std::vector<Move> moves;              // under way
    GFS_FIELDS(stopped, waits, filling, mean, threshold, moved, failed, servers, moves);
  };
  std::uint32_t limit = 1000;  // servers told
  GFS_FIELDS(limit);
};

// Why: how a chunk or a server stands, and what was decided about it lately (the master remembers some thousands of
// decisions since it started).
struct Explain {
  static constexpr std::string_view kind = "master.explain";
  static constexpr Roles senders = kAnyClient;
  struct Decision {
    std::int64_t time_ms = 0;
    std::string kind;  // "placed", "dropped", "copied", ...
    ChunkHandle handle;
    ServerId server;
    std::string text;
    GFS_FIELDS(time_ms, kind, handle, server, text);
  };
  struct Reply {
    std::vector<std::string> now;     // how it stands
    std::vector<Decision> decisions;  // newest first
    std::int64_t now_ms = 0;          // the master's time
    GFS_FIELDS(now, decisions, now_ms);
  };
  ChunkHandle handle;        // of this chunk; not_found
  ServerId server;           // of this server; not_found. Neither: of the cluster as a whole
  std::uint32_t limit = 50;  // decisions; at most 1000
  GFS_FIELDS(handle, server, limit);
};

}  // namespace gfs::bus

MSGPACK_ADD_ENUM(gfs::bus::ServerMark)
