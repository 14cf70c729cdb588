// ConfigureService: the master's order "you are the primary of this configuration", and how it becomes active.
//
//   prepare       here and at every member: nothing older is taken any more; each says what it holds
//   choose        the most advanced member that counts is the base (reconcile.h)
//   make equal    whoever differs copies from the base what differs; so do we, if the base is another
//   adopt         every member holds the version, durably: it is active, serials begin at 1
//
// A virgin chunk is empty everywhere: adopt alone, unless an earlier version was tried. If a step fails the order
// fails, naming who failed; whatever was done stays true, and the next order (of this version or a later one) begins
// from there.
//
// This process makes a (chunk, version) active at most once in its life, by one flow that repeats of the order join; a
// version that was adopted in an earlier life is refused (conflict): its last serial may have been lost with that life,
// so the master grants the next.
//
// Frozen, from its activation or by a later order, it takes no more mutations, and what it took is everywhere when the
// order is answered. No order thaws it: one that wants it unfrozen is refused (conflict), however late it comes.
//
// Owned by ChunkServer; lives on its executor's thread. A flow goes on when the order's connection is lost.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/chunk_master.h"
#include "chunkserver/make_equal.h"
#include "chunkserver/primary_order.h"
#include "chunkserver/reconcile.h"
#include "chunkserver/replica.h"

namespace gfs::chunkserver {

class ConfigureService {
 public:
  ConfigureService(bus::Endpoint& endpoint, DiskSet& store, Replica& replica, MakeEqual& copies, PrimaryOrder& order,
                   ServerId self, std::string mutant)
      : endpoint_(endpoint),
        store_(store),
        replica_(replica),
        copies_(copies),
        order_(order),
        self_(self),
        mutant_(std::move(mutant)) {}

  Task<bus::Configure::Reply> configure(bus::Configure ask, bus::Caller caller);

 private:
  using Key = std::pair<ChunkHandle, Version>;
  using Failures = std::vector<Reason>;

  Result<> check(const bus::Configure& ask) const;
  Result<> may_lead(const bus::Configure& ask) const;
  // Joins the flow that makes it active, or begins one.
  Task<> activated(bus::Configure ask);
  Task<> run(bus::Configure ask);
  // What every member (as in ask.members) holds, fenced.
  Task<std::vector<MemberState>> prepare(bus::Configure ask);
  Task<bus::PrepareVersion::Reply> prepare_there(bus::Member member, bus::PrepareVersion ask);
  Task<bus::ReplicaState> settle(bus::Configure ask, std::vector<MemberState> states);
  // The base's state, which all have then.
  Task<bus::ReplicaState> make_equal(bus::Configure ask, std::vector<MemberState> states);
  Task<> make_equal_there(bus::Member member, bus::MakeEqual ask);
  Task<> make_equal_here(ChunkHandle handle, Version version, bus::Member source);
  Task<> adopt(bus::Configure ask, bus::ReplicaState base);
  Task<> adopt_there(bus::Member member, bus::AdoptVersion ask);
  // The order's error: who did not do what, in `why` and in the message.
  Error failed(const bus::Configure& ask, const char* what, const std::vector<bus::Member>& members,
               const std::vector<Result<>>& results) const;
  std::string name_of(const bus::Member& member) const;

  bus::Endpoint& endpoint_;
  DiskSet& store_;
  Replica& replica_;
  MakeEqual& copies_;
  PrimaryOrder& order_;
  ServerId self_;
  const std::string mutant_;
  std::map<Key, std::vector<Promise<void>>> flows_;
  std::map<ChunkHandle, Version> adopted_here_;  // by a flow of this process that has not come to its end
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
