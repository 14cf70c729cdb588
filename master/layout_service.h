// LayoutService: where a file's chunks are, and, for a writer, a chunk whose configuration is active.
//
//   log first      a version is told to nobody before it is durable
//   then order     the primary fences the members, makes them equal and has them adopt it: the version is active
//   then answer    the activation is logged before that: nobody writes in a version that is not settled
//
// Every step may be lost or repeated: Configure is idempotent, configurations change by compare-and-swap only. One
// attempt per chunk at a time; whoever else asks waits for it. Which version is active under which session of its
// primary is remembered softly, so that the usual question costs a few look-ups and no order.
//
// What the next configuration should be is decided by plan_configuration; whether an accused member goes, by
// Accusations. Here it is found out how the members stand, and done.
//
//   layout_service.cc     locating, allocating           layout_activation.cc   how a configuration becomes active
//   layout_members.cc     how members stand              append_layout.cc       appends, seals
//   layout_changes.cc     accusations, revoking, learners, truncating
//   layout_recall.cc      members that were given up     layout_restore.cc      chunks of an older log epoch
//   layout_freeze.cc      files that stand still for a snapshot
//   layout_copies.cc      a file that writes to a chunk it shares gets its own copy
//
// Owned by Master; lives on its loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_master.h"
#include "bus/messages/client_snapshot.h"
#include "master/accusations.h"
#include "master/configuration_planner.h"
#include "master/decision_log.h"
#include "master/journal.h"
#include "master/placement.h"
#include "master/restore_planner.h"
#include "master/server_probe.h"
#include "master/server_table.h"

namespace gfs::master {

class LayoutService {
 public:
  struct Settings {
    std::uint32_t minimum_for_writing = 2;
    Duration suspect_after = 3s;
    Duration lost_after = 10s;
    Duration lease = 60s;
    Duration salvage_after = 10min;
    std::uint64_t epoch = 1;
    std::size_t cut_max = 4096;        // chunks that one entry of the log drops
    std::uint64_t room = 64ull << 20;  // what a server must have free to get a chunk
    std::string mutant;                // test-only
  };

  LayoutService(const MasterState& state, Journal& journal, ServerTable& servers, DecisionLog& decisions,
                Settings settings)
      : state_(state),
        journal_(journal),
        servers_(servers),
        decisions_(decisions),
        settings_(std::move(settings)),
        probe_(state, servers),
        restores_(state, servers, {.join_time = settings_.lost_after, .wait_max = settings_.salvage_after}) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::LocateForRead::Reply> locate_for_read(bus::LocateForRead ask, bus::Caller caller);
  Task<bus::ChunkLayout> locate_for_write(bus::LocateForWrite ask, bus::Caller caller);
  Task<bus::LocateForAppend::Reply> locate_for_append(bus::LocateForAppend ask, bus::Caller caller);
  Task<bus::Done> chunk_sealed(bus::ChunkSealed ask, bus::Caller caller);
  Task<bus::AccuseMember::Reply> accuse_member(bus::AccuseMember ask, bus::Caller caller);
  Task<bus::RevokeLease::Reply> revoke_lease(bus::RevokeLease ask, bus::Caller caller);
  Task<bus::FileInfo> truncate(bus::Truncate ask, bus::Caller caller);
  Task<bus::Done> make_readable(bus::MakeReadable ask, bus::Caller caller);

  // While it lives nothing in these files changes: who wants to write waits, and the chunks named to freeze() are
  // active and frozen.
  class Freeze {
   public:
    Freeze(LayoutService& layouts, std::vector<InodeId> files);
    ~Freeze();
    Freeze(const Freeze&) = delete;
    Freeze& operator=(const Freeze&) = delete;

   private:
    friend class LayoutService;
    LayoutService& layouts_;
    std::vector<InodeId> files_;
    std::vector<ChunkHandle> chunks_;
  };
  // Until none of them is being cut. unavailable: not so by then.
  Task<> not_cut(std::vector<InodeId> files, Instant until);
  // Until they are frozen. unavailable, naming a chunk: not so by then.
  Task<> freeze(Freeze& by, std::vector<ChunkHandle> chunks, Instant until);
  // Makes those active that are not, as far as that can be done: then a freeze takes less time.
  Task<> warm(std::vector<ChunkHandle> chunks);
  // Those of an older log epoch that nobody wrote to, as far as its table knows: perhaps somebody did.
  Task<> restore_old(std::vector<ChunkHandle> chunks);
  // The chunk is of an older log epoch: what its table knows of it may be less than there is.
  bool is_old(ChunkHandle handle, const Chunk& chunk) const { return restores_.is_old(handle, chunk); }
  // Of a chunk that is frozen: so much is in it. Nothing: that is not known.
  std::optional<std::uint64_t> length_of(ChunkHandle handle, const Chunk& chunk) const;
  // The chunk is active, and takes no mutation in its version.
  bool is_frozen(ChunkHandle handle, const Chunk& chunk) const;
  // Servers are making a chunk of this handle that is not in the table yet.
  bool copying(ChunkHandle handle) const;

  // Others believe that it is gone: found out by dialling it, if it is not overdue anyway.
  Task<> check_on(ServerId server);
  // Over a connection of its own: whether it answers.
  Task<bool> dial_anew(ServerId server);

  // For whoever looks after chunks (HealingLoop).
  // Makes the chunk's configuration active, another one if need be.
  // A version that cannot be made active for a while gives way to the next one.
  Task<> settle(ChunkHandle handle);
  // Of a chunk of an older log epoch: who holds its newest content becomes its members, in this epoch. unavailable:
  // that is not known yet. Nothing to be done for any other.
  Task<> restore(ChunkHandle handle);
  // A configuration with one more member, which is joining, and active.
  Task<> enlist(ChunkHandle handle, ServerId learner);
  // While it lives the chunk leaves that server, as far as others can take its place.
  class Leaving {
   public:
    Leaving(LayoutService& layouts, ChunkHandle handle, ServerId server) : layouts_(layouts), handle_(handle) {
      layouts_.leaving_[handle] = server;
    }
    ~Leaving() { layouts_.leaving_.erase(handle_); }
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;

   private:
    LayoutService& layouts_;
    const ChunkHandle handle_;
  };
  // Its version has been active, and all its members count.
  bool is_settled(ChunkHandle handle, const Chunk& chunk) const {
    const Configuration& configuration = chunk.configuration;
    return configuration.settled == configuration.version && configuration.joining.empty() && !is_old(handle, chunk);
  }
  // Who is to take the chunk from a member that drains. Nil: nobody in particular.
  ServerId successor_of(const Chunk& chunk, const std::vector<ServerId>& avoid) const;
  // Who should join the chunk: rather a server that holds an old copy. Nil: nobody can.
  ServerId learner_for(ChunkHandle handle, const Chunk& chunk, const std::vector<ServerId>& avoid);
  // It holds an old copy and can join: then only the difference is fetched.
  bool could_use(ServerId server, ChunkHandle handle, const Chunk& chunk, const std::vector<ServerId>& avoid) const;
  // The primary is another process than the one that made the version active: it cannot go on with it.
  bool restarted(ChunkHandle handle, const Chunk& chunk) const;
  // The chunk's version is active, as far as is known.
  bool is_active(ChunkHandle handle, const Chunk& chunk) const;
  // So many members a chunk must have to be written to.
  std::size_t least_for_writing(const Chunk& chunk) const { return minimum(chunk.inode, chunk.goal); }
  // As others reach it.
  bus::Member member(ServerId server) const;

 private:
  static constexpr std::size_t kCopiesAtOnce = 16;
  struct Active {
    Version version;
    SessionId session;  // of the primary
    bool frozen = false;
    std::uint64_t length = 0;  // of the chunk, when the primary said that it is active; for good if it is frozen
  };
  using Place = std::pair<InodeId, std::uint32_t>;
  enum class Use : std::uint8_t { write, frozen };
  struct Failure {
    Version version;
    Instant since{};
  };
  // Where a change is what somebody asked for: on whose record it is.
  struct Asked {
    RequestId request;
    std::uint32_t digest = 0;
    std::shared_ptr<std::uint64_t> index;
  };
  struct Suspicion {
    Instant first{}, last{};
  };
  struct Renewal {
    Instant next{};  // not before
    Duration pause{};
  };

  Instant now() const { return endpoint_->executor().now(); }
  bool is_mutant(std::string_view name) const { return settings_.mutant == name; }
  bus::ChunkLayout layout(const Chunk& chunk, ChunkHandle handle, bool for_reading) const;

  // The file's inode: not_found, is_a_directory.
  Result<const Inode*> file(InodeId inode) const;
  Task<ChunkHandle> allocate(InodeId inode, std::uint32_t index);
  Task<> place_chunk(InodeId inode, std::uint32_t index);
  // A client cannot use this member, in that version: the master looks for itself whether it is gone. If it is the
  // primary and lives, another one leads.
  Task<> look_at(ServerId server, ChunkHandle handle, Version failed);
  // It is up, has room, and is no member; nobody has said that it should get nothing.
  bool may_join(ServerId server, const Chunk& chunk, const std::vector<ServerId>& avoid) const;
  // Active, whatever that takes: to be written to, or frozen; unless that is not what it has to be any more. not_found
  // if the chunk goes meanwhile.
  Task<> make_ready(ChunkHandle handle, Version failed, Use use = Use::write);
  bool is_ready(ChunkHandle handle, const Chunk& chunk, Use use) const;
  // The chunks of a file that a cut to `size` takes away.
  std::vector<ChunkHandle> behind(InodeId inode, std::uint64_t size) const;
  // They are written to no more. Where there are very many the last ones are dropped already. unavailable: a primary
  // cannot be told.
  Task<std::vector<EndedChunk>> end_behind(std::string path, InodeId inode, std::uint64_t size);
  Task<> end_all(std::vector<ChunkHandle> handles);
  Task<> end(ChunkHandle handle);
  // Has the chunk sealed by its primary, and logs it.
  Task<> seal(ChunkHandle handle);

  // layout_freeze.cc
  // `chunk`: as it is now.
  bool has_to_be_frozen(ChunkHandle handle, const Chunk& chunk) const {
    return chunk.shared() || (!frozen_chunks_.empty() && frozen_chunks_.contains(handle));
  }
  // Nobody has frozen the file, or has any more.
  Task<> unfrozen(InodeId inode);
  Task<> freeze_one(ChunkHandle handle, Instant until);
  Task<> warm_one(ChunkHandle handle);
  static Task<> in_windows(std::vector<Task<>> tasks);

  // layout_copies.cc
  // The chunk of a file, by the time nobody else has it. {0}: the file has none there.
  Task<ChunkHandle> own(InodeId inode, std::uint32_t index);
  // A handle for the copy, kept until one is made or cannot be any more: who has made his copy need not again.
  struct Reserved {
    ChunkHandle shared;
    Version frozen;
    ChunkHandle handle;
    Instant used{};  // the last try began or ended
  };
  struct Copying;
  Task<> copy_on_write(Place place, ChunkHandle shared);
  Task<> copy_and_replace(Place place, ChunkHandle shared);
  // Those that have the copy, all the same. stale_version: the chunk's version is another one by now.
  Task<std::vector<ServerId>> copy_on_members(ChunkHandle shared, Chunk chunk, ChunkHandle handle, std::size_t least);
  Task<> copy_there(std::shared_ptr<Copying> copying, std::size_t member);
  Task<> watch(std::shared_ptr<Copying> copying);
  Task<ChunkHandle> reserve_handle(Place place, ChunkHandle shared, Version frozen);
  void give_back(Place place);
  Task<> fence(ChunkHandle shared);
  // Nobody who reads the file is told where the chunk is meanwhile.
  class Moving;
  Task<> not_moving(InodeId inode, std::uint32_t first, std::uint32_t count);
  ChunkHandle next_handle();

  // Joins the attempt on this chunk, or begins one.
  Task<> activate(ChunkHandle handle, Version failed);
  Task<> activate_or_renew(ChunkHandle handle, Version failed, bool renew);
  Task<> attempt(ChunkHandle handle, Version failed, bool renew);
  bus::Configure order_for(ChunkHandle handle, const Chunk& chunk) const;
  Task<bus::Configure::Reply> tell(ChunkHandle handle, Chunk chunk, bool frozen);
  // As tell, but given up (cancelled) when a member goes away meanwhile: without it things look different.
  Task<bus::Configure::Reply> tell_while_here(ChunkHandle handle, Chunk chunk, bool frozen);
  Task<> wait_for_loss(std::vector<ServerId> members);
  // True: the version is active. False: something was learned or changed, look again. conflict: the primary says that
  // it cannot resume the version.
  Task<bool> order(ChunkHandle handle, Chunk chunk);
  Task<bool> learn_from(ChunkHandle handle, Chunk chunk, Error error);
  // The next version with the same members: once per attempt, and the less often the longer it does not help.
  Task<> renew_after_conflict(ChunkHandle handle, Version version);
  Task<> hear_primary(ChunkHandle handle, Chunk chunk, ServerId accused, bool heard);
  // Plans and logs the next configuration; false: there is nothing to change.
  Task<bool> change(ChunkHandle handle, Chunk chunk, Situation situation, Asked asked);
  Task<bool> change(ChunkHandle handle, Chunk chunk, Situation situation) {
    return change(handle, std::move(chunk), std::move(situation), Asked());
  }
  Task<> reconfigure(ChunkHandle handle, Chunk chunk, NextConfiguration next, std::vector<ServerId> over, Asked asked);
  // Whoever may still acknowledge alone must be a member (and promise) or its session must be over. Those of whom the
  // latter is true.
  Result<std::vector<ServerId>> check_fence(ChunkHandle handle, const Configuration& before,
                                            const NextConfiguration& next) const;
  // The version is active, as far as is known, and its primary is heard.
  bool is_led(ChunkHandle handle, const Chunk& chunk) const;
  // Until the server's session is certainly over, whatever it does meanwhile, if it is not heard again.
  Duration session_left(ServerId server) const;
  // A second failure of one version, a while after the first, is worth a new version: then all members must speak up.
  void note_inactive(ChunkHandle handle, Version version);
  bool keeps_failing(ChunkHandle handle, Version failed);

  Situation situation(ChunkHandle handle, const Chunk& chunk);
  Standpoint standpoint(ServerId server, ChunkHandle handle, const Configuration& configuration) const;
  // Holds the chunk: is not joining, or says that it holds exactly this version.
  bool counts(ServerId server, ChunkHandle handle, const Configuration& configuration) const;
  std::vector<ServerId> learners(const Situation& situation);
  // With nobody sound left: others who hold the last settled version, or one after it.
  void recall(ChunkHandle handle, const Configuration& configuration, Situation& situation) const;
  bool wait_for_absent(ChunkHandle handle, const Situation& situation);
  // unavailable: of an older log epoch, and not settled in this one.
  Result<> check_settled(ChunkHandle handle, const Chunk& chunk) const;
  // The same, if its members might not hold its newest content.
  Result<> check_readable(ChunkHandle handle, const Chunk& chunk);
  // A server that holds a newer version than the log knows of: the log is older than the truth.
  Result<> check_log(ChunkHandle handle, Version version) const;
  void suspect(ServerId server, ChunkHandle handle, bool at_once);
  bool keeps_failing(ServerId server, ChunkHandle handle) const;
  void forget_suspicions(ChunkHandle handle);
  std::vector<ServerId> choose(const std::vector<ServerId>& present, std::size_t copies,
                               const std::vector<ServerId>& avoid);
  // Of a file's chunks.
  std::size_t minimum(InodeId file, std::uint32_t goal) const;
  // The soft maps stay within twice what lives, whatever files come and go.
  void forget_dropped_chunks();

  // Set once.
  const MasterState& state_;
  Journal& journal_;
  ServerTable& servers_;
  DecisionLog& decisions_;
  const Settings settings_;
  bus::Endpoint* endpoint_ = nullptr;

  // State.
  ServerProbe probe_;
  RestorePlanner restores_;
  Accusations accusations_;  // by primaries, weighed
  ChunkHandle last_given_;
  std::uint64_t last_cut_ = 0;  // number of an order to cut: (index of the log << 8) + how often it was tried
  std::unordered_map<std::uint64_t, Active> active_;  // by handle; looked up only
  std::map<ChunkHandle, std::vector<Promise<void>>> flights_;
  std::map<ChunkHandle, ServerId> leaving_;  // by `Leaving`
  std::map<ChunkHandle, Failure> inactive_;  // could not be made active, since when
  std::map<ChunkHandle, Failure> failures_;
  std::map<std::pair<ChunkHandle, ServerId>, Suspicion> suspicions_;  // of those who fail our own orders
  std::map<ChunkHandle, Instant> doubtful_;                           // since when only suspect members are here
  std::map<ChunkHandle, Renewal> renewals_;                           // since it was active last
  std::map<ChunkHandle, Version> ended_;                              // released by their primaries, at that version
  std::multiset<InodeId> frozen_files_;                               // for how many snapshots
  std::multiset<ChunkHandle> frozen_chunks_;                          // of them: in no version that can be written to
  std::vector<Promise<void>> thaw_waiters_;
  std::multiset<InodeId> cutting_;                      // files that are being cut
  std::map<Place, std::vector<Promise<void>>> copies_;  // under way
  std::map<Place, Reserved> reserved_;
  Semaphore copies_at_once_{kCopiesAtOnce};
  std::map<ChunkHandle, Place> copying_;  // by the handle that is reserved
  std::map<Place, std::vector<Promise<void>>> moving_;
  std::size_t sweep_above_ = 1024;  // so many soft records
  TaskGroup group_;
};

}  // namespace gfs::master
