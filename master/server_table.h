// ServerTable: the sessions of chunkservers, whether they are heard, and what they say they hold.
//
//   up       heard within `suspect_after`: may become primary, gets new chunks
//   suspect  overdue, or known from the log and not heard yet
//   lost     not heard for `lost_after`; a little sooner or later by what else is known of it (loss_detector.h)
//   left     said goodbye
//
// Soft state: nothing here is logged, all of it comes back by reports. After a restart of the master everybody it knows
// from the log counts as heard at that moment, so that nobody is given up before he had his time.
//
// Owned by Master; pure: `now` is an argument.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/messages/chunk_master.h"
#include "master/loss_detector.h"
#include "master/pace_table.h"

namespace gfs::master {

// What a server holds of a chunk, by its own word.
struct Held {
  Version version;
  std::uint64_t length = 0;
  bool damaged = false;
  bool suspect = false;  // may have lost bytes in a power cut
  bool sealed = false;
  bool noted = false;  // learned in this session from an order, not from a report: no older report unsays it
};

struct Server {
  SessionId session;  // nil: not heard since the master started
  std::string route;  // of the last register or heartbeat
  Instant heard{};
  std::uint64_t beats = 0;     // how often it was
  Instant answered{};          // a probe
  Instant told{};              // it lived then, by the members' gossip ...
  bool believed_dead = false;  // ... which believes that it is dead
  bool doubted = false;        // a member suspects it
  bool left = false;
  bool seen_dead = false;       // its address refused a connection since it was heard
  std::deque<Instant> returns;  // when it came back after it had been lost, the last times
  std::deque<SessionId> ended;  // the last ones that were replaced or left: no late copy of a registration revives them
  std::uint64_t capacity = 0, used = 0, free = 0, chunks = 0;
  std::uint64_t quarantined = 0, quarantined_bytes = 0;
  std::int64_t quarantined_since_ms = 0;  // the oldest, by the master's time
  std::vector<bus::DiskInfo> disks;       // by its own word
  std::uint64_t recent = 0;               // chunks placed there since its last heartbeat

  bool reported = false;                             // all pages of this session's report are in
  ChunkHandle reported_to;                           // the pages so far reach up to here
  std::unordered_map<std::uint64_t, Held> holdings;  // by handle; looked up only

  LossSigns signs() const { return {heard, answered, told, believed_dead, doubted}; }
  bool registered() const { return !session.nil() && !left; }
  bool has_ended(SessionId one) const { return std::find(ended.begin(), ended.end(), one) != ended.end(); }
  // It comes and goes: for a while that doubles each time nothing new is put there if others can be had.
  bool unsteady(Instant now) const {
    const auto count = std::ranges::count_if(returns, [&](Instant one) { return now - one < kReturnsCount; });
    return count >= 2 && now < returns.back() + std::min<Duration>(1min * (1 << (count - 2)), 30min);
  }
  void end(SessionId one) {
    if (one.nil() || has_ended(one)) return;
    ended.push_back(one);
    if (ended.size() > kEndedMax) ended.pop_front();
  }
  static constexpr std::size_t kEndedMax = 32, kReturnsMax = 8;
  static constexpr Duration kReturnsCount = 1h;
};

class ServerTable {
 public:
  explicit ServerTable(LossClocks clocks) : clocks_(clocks) {}

  const LossClocks& clocks() const { return clocks_; }

  // No part of the cluster any more.
  void remove(ServerId server) {
    servers_.erase(server);
    paces_.forget(server);
  }
  // Known from the log.
  void add(ServerId server, Instant now);

  const Server* find(ServerId server) const;
  const std::map<ServerId, Server>& all() const { return servers_; }

  void open_session(const bus::RegisterServer& ask, std::string route, Instant now);
  // False: that session is not (or no longer) known.
  bool heartbeat(const bus::Heartbeat& beat, std::string route, Instant now);
  // malformed for a page that makes no sense; false: not this session, or a page is missing before it.
  Result<bool> report(const bus::ReportChunks& page);
  void damage(const bus::ReportDamage& report);
  // From the answers to orders: it holds the version, and what made it suspect or damaged before that is mended (unless
  // it is known to be still `damaged`).
  void note(ServerId server, ChunkHandle handle, Version version, std::uint64_t length, bool damaged = false);
  void note_missing(ServerId server, ChunkHandle handle);
  void note_suspect(ServerId server, ChunkHandle handle);
  void placed(ServerId server);
  // Nobody listens at its address: overdue at once, until it is heard again.
  void note_dead(ServerId server);
  // What speaks for and against one that is not heard: it answered when it was dialled; it lived at `lived`, by the
  // gossip.
  void note_answered(ServerId server, Instant now);
  void note_gossip(ServerId server, Instant lived, bool dead, bool doubted = false);
  // Called by every loop that judges servers, before it does, at least every kTickMax: if the master itself stood still
  // since, nobody is to blame that he was not heard meanwhile. What came then is still in the master's queues.
  void note_tick(Instant now);
  // As primaries find.
  const PaceTable& paces() const { return paces_; }
  // Gets nothing new as long as others can be had: it comes and goes, or is slow.
  bool avoided(ServerId server, Instant now) const;
  static constexpr Duration kTickMax = 1s;
  // Drops what is held of chunks that are gone.
  void forget(const std::function<bool(ChunkHandle)>& gone);
  std::size_t holdings() const;
  // It says whether it has seen a log that goes further than ours, or another one.
  void note_ahead(ServerId server, bool ahead, Instant now);
  // Within the last half minute: whoever is refused comes again every other second.
  bool anybody_ahead(Instant now) const;

  bool up(ServerId server, Instant now) const;
  // Had its time and was not heard, or left, or was seen dead.
  bool overdue(ServerId server, Instant now) const;
  // Lost, whatever it said before.
  bool gone(ServerId server, Instant now) const;
  // "up", "suspect", "lost", "left".
  std::string_view state(ServerId server, Instant now) const;
  std::uint32_t count_up(Instant now) const;

  enum class Replica { ok, damaged, missing, unknown, suspect };
  // A member's replica of a chunk, by what it said; `virgin` chunks need not be there.
  Replica replica(ServerId server, ChunkHandle handle, bool virgin) const;
  // nullptr: it said nothing of the chunk in this session.
  const Held* held(ServerId server, ChunkHandle handle) const;

 private:
  Server* session(ServerId server, SessionId session);
  void note_return(Server& server, Instant now) const;

  const LossClocks clocks_;
  PaceTable paces_;
  std::optional<Instant> ticked_;
  std::map<ServerId, Server> servers_;
  std::map<ServerId, Instant> ahead_;  // when they said so last
};

}  // namespace gfs::master
