// What a health code says, and what one can do: one line each. The codes are stable (docs/operating.md). Pure.
#pragma once

#include <array>
#include <string_view>

namespace gfs::cli {

struct HealthCode {
  std::string_view code, meaning;
};

inline constexpr std::array kHealthCodes{
    HealthCode{"GFS_MASTER_BEHIND",
               "Chunkservers have seen more of the log than this master has: its directory is older than the truth (a "
               "restored\ncopy?). They refuse it and delete nothing. Start the master from the right directory; if "
               "that is lost, this one\nwith --adopt-new-epoch. The master's log names the servers and the number."},
    HealthCode{"GFS_MASTER_DISK_FULL",
               "the master's disk is full: removing works, nothing else does until there is room again"},
    HealthCode{"GFS_CHUNKS_LOST", "no replica of some chunks can be reached: bring their servers back (server ls)"},
    HealthCode{"GFS_CHUNKS_CORRUPT", "some replicas have bad blocks: they are replaced by good ones (repair ls)"},
    HealthCode{"GFS_CHUNKS_SUSPECT", "some replicas may have lost bytes in a power cut: they are being compared"},
    HealthCode{"GFS_CHUNKS_UNDER_REPLICATED",
               "some chunks have fewer replicas than they should: repair ls shows what that waits for"},
    HealthCode{"GFS_SERVERS_LOST", "servers do not answer: server ls names them; forget those that never come back"},
    HealthCode{"GFS_SERVERS_MAINT", "servers are in maintenance: nobody makes up for them until it is over"},
    HealthCode{"GFS_SERVERS_DRAIN", "servers drain: their chunks are copied elsewhere (server ok-to-stop)"},
    HealthCode{"GFS_SERVERS_SLOW",
               "servers are much slower than the others: they get no new chunks for a while (why server names the "
               "reason)"},
    HealthCode{"GFS_BALANCE_STOPPED", "an operator stopped balancing: rebalance start lets it go on"},
    HealthCode{"GFS_DISKS_BAD",
               "disks of servers are gone or take nothing any more (server info names them and why): replace them"},
    HealthCode{"GFS_DISKS_SLOW", "disks are much slower than they used to be: new chunks go elsewhere (server info)"},
    HealthCode{"GFS_FEW_SERVERS", "fewer servers are up than a file has replicas"},
    HealthCode{"GFS_REPAIR_PAUSED", "an operator paused repair: repair resume lets it go on"},
    HealthCode{"GFS_REPAIR_HELD_BACK",
               "very many servers were lost together: copies wait 5 minutes, but of chunks that are down to one"},
    HealthCode{"GFS_TRASH_FULL", "the trash is full: what would go next goes before its time (trash ls, trash purge)"},
    HealthCode{"GFS_COLLECTION_REFUSED",
               "servers refuse to put away so many replicas at once: gc status shows them, gc allow lets them"},
    HealthCode{"GFS_UNKNOWN_CHUNKS",
               "servers hold chunks that this master never gave out: its log may be older than the truth (gc status)"},
};

// Empty for a code that this program does not know.
constexpr std::string_view meaning_of(std::string_view code) {
  for (const HealthCode& one : kHealthCodes) {
    if (one.code == code) return one.meaning;
  }
  return {};
}

}  // namespace gfs::cli
