// One example of every message, all its fields set: what the golden bytes, the codec's tests and its fuzz target walk.
// A new message gets its line here.
//
// The order is part of the fuzz corpus (its first byte is the index): append.
#pragma once

#include "bus/envelope.h"
#include "bus/messages/chunk_chunk.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_chunk.h"
#include "bus/messages/client_log.h"
#include "bus/messages/client_master.h"
#include "bus/messages/client_policy.h"
#include "bus/messages/client_repair.h"
#include "bus/messages/client_scrub.h"
#include "bus/messages/client_snapshot.h"
#include "bus/messages/client_trash.h"
#include "bus/messages/gossip.h"
#include "bus/messages/shadow_master.h"
#include "bus/messages/collection.h"

namespace gfs::bus {

template <class Id>
Id example_id(std::uint8_t first) {
  Id id;
  for (std::size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(first + i);
  return id;
}

// Calls visit(name, message) for each: "master.stat", "master.stat.reply", ... Names are those of the golden files.
template <class Visit>
void each_example_message(Visit&& visit) {
  const ServerId server = example_id<ServerId>(0x10);
  const SessionId session = example_id<SessionId>(0x20);
  const ClusterId cluster = example_id<ClusterId>(0x30);
  const RequestId request{example_id<ClientId>(0x40), 77};
  const ChunkHandle handle{0x1234};
  const InodeId inode{99};
  const LogPosition seen{2, 1, 199, 0xfeedbeef};
  const std::vector<DiskInfo> disks = {
      {"/disk1", example_id<DiskId>(0x70), DiskState::read_only, true, "it failed", 4000, 1000, 0, 3, 10}};
  const Version version{3};
  const Serial serial{41};
  const std::vector<std::uint32_t> crcs = {1, 0xe3069283};
  const FileInfo file{"/a/b", FileType::file, 70000, 3, 2, 1767225600123, inode, AckMode::primary};
  const Member member{server, "tcp://127.0.0.1:7510", "tcp://127.0.0.1:7511", "rack1", false};
  const ChunkLayout layout{1, handle, version, {member}, server, true, 5000};
  const ReplicaState state{version, serial, 5000, true, 0xdeadbeef, true, true};

  visit("envelope.request", Envelope{.cluster = cluster,
                                     .type = Saying::request,
                                     .role = kClient,
                                     .kind = "master.stat",
                                     .id = 300,
                                     .request = request,
                                     .deadline_ms = 5000,
                                     .trace = "t"});
  visit("envelope.reply", Envelope{.cluster = cluster,
                                   .type = Saying::reply,
                                   .role = kMaster,
                                   .id = 300,
                                   .code = 2,
                                   .text = "no file /a/b",
                                   .index = 200});
  visit("done", Done{});

  visit("hello", Hello{"gfs-cli 0.1.0"});
  visit("hello.reply", Hello::Reply{cluster, "gfs-master 0.1.0", 64u << 20});
  visit("master.create", CreateFile{"/a/b", 3});
  visit("master.create.reply", file);
  visit("master.make_directory", MakeDirectory{"/a/c", true});
  visit("master.stat", Stat{"/a/b"});
  visit("master.exists", Exists{"/a/b"});
  visit("master.exists.reply", Exists::Reply{true, FileType::directory});
  visit("master.list", List{"/a", "b", 10});
  visit("master.list.reply", List::Reply{{file}, true});
  visit("master.rename", Rename{"/a/b", "/a/c", true});
  visit("master.remove", Remove{"/a", true});
  visit("master.remove.reply", Remove::Reply{4, 2});
  visit("master.locate_for_read", LocateForRead{inode, 1, 2});
  visit("master.locate_for_read.reply", LocateForRead::Reply{70000, 2, {layout}});
  visit("master.locate_for_write", LocateForWrite{inode, 1, version, server});
  visit("master.locate_for_write.reply", layout);
  visit("master.set_size", SetSize{inode, 70000});
  visit("master.list_servers", ListServers{false});
  visit("master.list_servers.reply",
        ListServers::Reply{{ServerInfo{server, "tcp://127.0.0.1:7510", "rack1", "up", 1000, 2000, 3, 400, disks}}});
  visit("master.status", ClusterStatus{true});
  visit(
      "master.status.reply",
      ClusterStatus::Reply{
          cluster, "WARN", {"GFS_FEW_SERVERS"}, "tcp://127.0.0.1:7500", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, "tcp://127.0.0.1:7600", 120,
          16, 17, 18, {ClusterStatus::Reply::Rack{"r1", 2}}, 1, 1, 1, {0, 1, 2, 3}, 4, "tcp://127.0.0.1:7510", 87});
  visit("master.list_chunks", ListChunks{"/a/b", 1, 2});
  visit(
      "master.list_chunks.reply",
      ListChunks::Reply{{ListChunks::Chunk{1,
                                           handle,
                                           version,
                                           5000,
                                           true,
                                           server,
                                           {ListChunks::Holder{server, "tcp://127.0.0.1:7510", "ok", version, false}}}},
                        true});

  visit("server.register",
        RegisterServer{server, session, "tcp://127.0.0.1:7510", "tcp://127.0.0.1:7511", "rack1", 4000, 1000, 3000, 3, seen});
  visit("server.register.reply", RegisterServer::Reply{cluster, 60000, 1000, 4096, 1, 200, 1767225600123, 2, 0xfeedbeef});
  visit("server.heartbeat", Heartbeat{server, session, 4000, 1000, 3000, 3, true, seen, 2, 5000, 1767225600123,
                                      {Heartbeat::Pace{example_id<ServerId>(0xb0), 2500}}, disks});
  visit("server.heartbeat.reply", Heartbeat::Reply{false, 1, 200, 1767225600123, 2, 0xfeedbeef});
  visit("server.report_chunks",
        ReportChunks{server, session, {ReportChunks::Held{handle, version, 5000, true, true, true}}, ChunkHandle{0x1233}, false});
  visit("server.report_chunks.reply", ReportChunks::Reply{false});
  visit("server.report_damage", ReportDamage{server, session, handle, 17, "checksum", true});
  visit("server.configure", Configure{handle,
                                      version,
                                      {member},
                                      true,
                                      {server},
                                      true,
                                      AckMode::primary,
                                      1,
                                      ChunkHandle{0x1233},
                                      Version{2},
                                      {member},
                                      true});
  visit("server.configure.reply", Configure::Reply{5000});
  visit("server.probe_address", ProbeAddress{"tcp://127.0.0.1:7510"});

  visit("chunk.push", PushFragment{request, handle, 65536, 2, crcs, {"tcp://127.0.0.1:7521"}, {}});
  visit("chunk.write", WriteChunk{handle, version, 65536, 100000, 0xdeadbeef, 70});
  visit("chunk.write.reply", WriteChunk::Reply{serial, 165536});
  visit("chunk.read", ReadChunk{handle, version, 65536, 100000, true});
  visit("chunk.read.reply", ReadChunk::Reply{crcs, 165536, version, true, {}});
  visit("chunk.sync", SyncChunk{handle, version});
  visit("chunk.sync.reply", SyncChunk::Reply{165536});
  visit("chunk.length", ChunkLength{handle, version, true});
  visit("chunk.length.reply", ChunkLength::Reply{165536, version, true});

  visit("replica.adopt", AdoptVersion{handle, version, server, true, state, "tcp://127.0.0.1:7510"});
  visit("replica.adopt.reply", AdoptVersion::Reply{5000});
  visit("replica.apply", ApplyWrite{handle,
                                    version,
                                    server,
                                    serial,
                                    Serial{40},
                                    request,
                                    MutationKind::append,
                                    65536,
                                    100000,
                                    0xdeadbeef,
                                    12,
                                    1,
                                    1767225600123,
                                    crcs,
                                    {}});
  visit("replica.apply.reply", ApplyWrite::Reply{serial, 165536});
  visit("replica.sync", SyncReplica{handle, version, serial});
  visit("replica.sync.reply", SyncReplica::Reply{5000});

  visit("chunk.append", AppendChunk{handle, version, {100, 200}, 0xdeadbeef, 76, 1767225600123, crcs, {}});
  visit("chunk.append.reply", AppendChunk::Reply{1, 65536, 165536, true});
  visit("chunk.inspect", InspectChunk{handle, true, true});
  visit("chunk.inspect.reply",
        InspectChunk::Reply{
            version, Version{4}, serial, 5000, true, true, true, crcs, {1}, {0x0123456789abcdef}, 0xdeadbeef, {}});
  visit("replica.prepare", PrepareVersion{handle, version, server});
  visit("replica.prepare.reply", PrepareVersion::Reply{true, state});
  visit("replica.make_equal", MakeEqual{handle, version, member});
  visit("replica.make_equal.reply", MakeEqual::Reply{state, 65536});
  visit("replica.read", ReadReplica{handle, 65536, 100000});
  visit("replica.read.reply", ReadReplica::Reply{crcs, 165536, {}});
  visit("replica.committed", Committed{handle, version, serial});
  visit("replica.ask_committed", AskCommitted{handle, version});
  visit("replica.ask_committed.reply", AskCommitted::Reply{serial});
  visit("server.accuse", AccuseMember{server, session, handle, version, server, 13, true, "no answer in time"});
  visit("server.accuse.reply", AccuseMember::Reply{version});
  visit("server.chunk_sealed", ChunkSealed{server, session, handle, version, 5000});
  visit("server.seal_chunk", SealChunk{handle, version});
  visit("server.seal_chunk.reply", SealChunk::Reply{5000});
  visit("server.truncate_chunk", TruncateChunk{handle, version, 5000, 7});
  visit("server.clone_chunk", CloneChunk{handle, member});
  visit("server.clone_chunk.reply", CloneChunk::Reply{65536});
  visit("server.release_chunk", ReleaseChunk{handle, version});
  visit("master.locate_for_append", LocateForAppend{inode, version, server});
  visit("master.locate_for_append.reply", LocateForAppend::Reply{layout, 1767225600123});
  visit("master.truncate", Truncate{"/a/b", 5000});
  visit("master.set_policy", SetPolicy{"/a/b", AckMode::primary});
  visit("master.close_client", CloseClient{request.client});
  visit("master.list_leases", ListLeases{handle, 10});
  visit("master.list_leases.reply",
        ListLeases::Reply{{ListLeases::Lease{handle, inode, 1, version, server, "tcp://127.0.0.1:7510", 59000}}, true});
  visit("master.revoke_lease", RevokeLease{handle});
  visit("master.revoke_lease.reply", RevokeLease::Reply{version, server});
  visit("master.find_chunk", FindChunk{handle});
  visit("master.find_chunk.reply", FindChunk::Reply{inode,
                                                    ListChunks::Chunk{1, handle, version, 5000, true, server, {}},
                                                    3,
                                                    true,
                                                    true,
                                                    AckMode::primary,
                                                    {server},
                                                    2});
  visit("replica.apply_batch", ApplyBatch{{ApplyWrite{handle,
                                                      version,
                                                      server,
                                                      serial,
                                                      Serial{40},
                                                      request,
                                                      MutationKind::append,
                                                      65536,
                                                      100000,
                                                      0xdeadbeef,
                                                      12,
                                                      1,
                                                      1767225600123,
                                                      crcs,
                                                      {}}},
                                          {100000},
                                          {}});
  visit("replica.apply_batch.reply", ApplyBatch::Reply{{165536, 0}, {0, 22}, {"", "out of order"}});
  visit("master.checkpoint", Checkpoint{});
  visit("master.checkpoint.reply", Checkpoint::Reply{7, 8192, 12, 3});
  const Policy policy{2, 1, 2, 3600000, 1000, 1 << 30};
  visit("master.list_trash", ListTrash{1767225600123, inode, 10});
  visit(
      "master.list_trash.reply",
      ListTrash::Reply{{ListTrash::Item{inode, "/a/b", FileType::directory, 2, 1, 5000, 1767225600123, 1767484800123}},
                       true,
                       1767225600123});
  visit("master.restore_trash", RestoreTrash{inode, "/a/c", true});
  visit("master.purge_trash", PurgeTrash{{inode}});
  visit("master.purge_trash.reply", PurgeTrash::Reply{1});
  visit("master.set_directory_policy", SetDirectoryPolicy{"/a", policy});
  visit("master.get_policy", GetPolicy{"/a"});
  visit("master.get_policy.reply", GetPolicy::Reply{FileType::directory, policy, policy, 5, 2, 1 << 20});
  visit("master.set_replicas", SetReplicas{"/a/b", 2});
  visit("log.ship", ShipLog{1, 41, 0xdeadbeef, 1048576, 250});
  visit("log.ship.reply", ShipLog::Reply{1, 1, 3, 43, 42, 12, true, {100, 0}, {}});
  visit("checkpoint.fetch", FetchCheckpoint{41, 524288});
  visit("checkpoint.fetch.reply", FetchCheckpoint::Reply{1, 41, 1000000, {}});
  visit("envelope.reply_of_a_shadow", Envelope{.cluster = cluster, .type = Saying::reply, .role = kShadow, .id = 7, .index = 42, .behind_ms = 120});
  visit("server.list_held", ListHeld{handle, 1000});
  visit("server.list_held.reply", ListHeld::Reply{{ListHeld::Held{handle, version, Version{4}}}, false});
  visit("server.collect_chunks", CollectChunks{{CollectChunks::Item{handle, version, Version{4}, Garbage::stale}}, 200});
  visit("server.collect_chunks.reply",
        CollectChunks::Reply{{CollectChunks::Done::quarantined, CollectChunks::Done::refused}});
  visit("collection.allow", AllowCollection{server, 1000, 60000});
  visit("collection.allow.reply", AllowCollection::Reply{3});
  visit("collection.restore", RestoreChunk{server, handle, version});
  visit("collection.restore.reply", RestoreChunk::Reply{version, 5000});
  visit("collection.purge", PurgeQuarantine{server, 60000, 10});
  visit("collection.purge.reply", PurgeQuarantine::Reply{10, 5000, true});
  visit("collection.list", ListQuarantine{handle, 7, 10});
  visit("collection.list.reply",
        ListQuarantine::Reply{
            {ListQuarantine::Entry{handle, 8, version, 1767225600123, 5000, Garbage::stale}}, false, 1767225600999, 60000});
  visit("master.collection_status", CollectionStatus{});
  visit("master.collection_status.reply",
        CollectionStatus::Reply{{CollectionStatus::Server{server, "tcp://127.0.0.1:7510", 3, 5000, 60000, 2, 1, 4}},
                                "the master has just started"});
  visit("server.copy_chunk", CopyChunk{handle, version, ChunkHandle{0x1235}});
  visit("server.copy_chunk.reply", CopyChunk::Reply{5000, 0xdeadbeef});
  visit("master.create_snapshot", CreateSnapshot{"/a", "monday"});
  visit("master.create_snapshot.reply", CreateSnapshot::Reply{file, 2, 1, 3});
  visit("master.list_snapshots", ListSnapshots{"monday", 10});
  visit("master.list_snapshots.reply",
        ListSnapshots::Reply{
            {ListSnapshots::Snapshot{"monday", "/a", 1767225600123, FileType::directory, 2, 1, 5000}}, true});
  visit("master.remove_snapshot", RemoveSnapshot{"monday"});
  visit("master.remove_snapshot.reply", RemoveSnapshot::Reply{2, 1});
  visit("master.compare_trees", CompareTrees{"/.snapshots/monday", "/a", "b/c", 10});
  visit("master.compare_trees.reply",
        CompareTrees::Reply{{CompareTrees::Difference{"b", CompareTrees::Change::changed, FileType::file,
                                                      FileType::file, 5000, 6000}},
                            "b/c"});
  visit("master.make_readable", MakeReadable{inode, 3});
  visit("log.view", ViewLog{42, 10});
  visit("log.view.reply",
        ViewLog::Reply{cluster, 2, 1, 905,
                       {ViewLog::Segment{"log/0000000000000001.log", 1, 1, 900, 65536}},
                       {ViewLog::CheckpointFile{"checkpoint/0000000000000384.ckpt", 1, 900, 8192}}, true});
  visit("log.read", ReadLog{41, 1048576});
  visit("log.read.reply", ReadLog::Reply{1, 1, 3, 43, 42, {100, 0}, {}});
  const auto node = example_id<NodeId>(0x90);
  const MemberRecord told{node,        kChunkserver, MemberStatus::suspect, 7,       example_id<NodeId>(0xa0), 1767225600123,
                            "tcp://127.0.0.1:7513", "rack 1", "gfs-chunkserver 0.1.0", 5000, 6000, 42, Verdict::back, 9};
  const Believed believed{MemberStatus::suspect, 7, node};
  const Exchange::Part part{NodeId{}, node, 3, 0xdeadbeefcafe};
  visit("gossip.ping", Ping{told, believed, 5, node, {told}});
  visit("gossip.ack", Ack{told, believed, 5, {told}});
  visit("gossip.probe_for", ProbeFor{told, believed, 5, told});
  visit("gossip.nack", Nack{told, believed, 5});
  visit("gossip.exchange", Exchange{told, believed, {part}, {told}, {part}});
  visit("gossip.find_members", FindMembers{3});
  visit("gossip.find_members.reply", FindMembers::Reply{{"tcp://127.0.0.1:7503"}});
  visit("gossip.list_members", ListMembers{node, 10});
  visit("gossip.list_members.reply", ListMembers::Reply{told, 2, {ListMembers::Row{told, 120, 90, 5000, 2}}, true});
  visit("master.mark_server", MarkServer{server, ServerMark::drain, 1800000, example_id<ServerId>(0xb0)});
  visit("master.forget_server", ForgetServer{server});
  visit("master.ask_stop", AskStop{{server}});
  visit("master.ask_stop.reply", AskStop::Reply{false, "why", 5, 1, 2, 3, {handle}});
  visit("master.set_repair", SetRepair{1, 4096, -1, 0});
  visit("master.list_repairs", ListRepairs{10});
  visit("master.list_repairs.reply",
        ListRepairs::Reply{true, 4096, 8192, "held", 2, 1, {0, 1, 1, 0}, 3, 4000, 5,
                           {ListRepairs::Repair{handle, "copy", 1, 3, "running", "", server, server, 9000, 2}}});
  visit("server.scrub_status", ScrubStatus{1});
  visit("server.scrub_status.reply", ScrubStatus::Reply{false, true, true, handle, 1767225600123, 5, 6000, 1, 2, 7, 8000,
                                                        1767225600456, 3, 4, 65536});
  visit("server.control_scrub", ControlScrub{ScrubOrder::pause});
  visit("master.explain", Explain{handle, server, 10});
  visit("master.explain.reply",
        Explain::Reply{{"as it is"}, {Explain::Decision{1767225600123, "dropped", handle, server, "why"}}, 1767225600456});
  visit("master.show_balance", ShowBalance{10});
  visit("master.show_balance.reply",
        ShowBalance::Reply{true, "why", true, 0.5, 0.1, 3, 4, {ShowBalance::Server{server, "r1", 0.75, true}},
                           {ShowBalance::Move{handle, server, example_id<ServerId>(0xb0), "why"}}});
}

}  // namespace gfs::bus
