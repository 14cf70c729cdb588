// Disks of a chunkserver that fill up, fail, go away and come back: what the master is told, what is still served, and
// that nobody takes a wrong directory for a right one.
#include <gmock/gmock.h>

#include "bus/messages/collection.h"
#include "chunkserver/disk_label.h"
#include "tests/chunkserver/server_fixture.h"

namespace gfs::chunkserver {
namespace {

using bus::DiskState;
using testing::HasSubstr;
using testing::IsEmpty;

class DisksTest : public ServerTest {
 protected:
  // So many servers of so many disks.
  void start_with(int servers, std::size_t disks, Settings settings = {}) {
    further_disks = disks - 1;
    start(servers, std::move(settings));
  }
  SimDisk& disk(int server, std::size_t number) {
    ServerNode& node = *nodes[static_cast<std::size_t>(server)];
    return number == 0 ? node.platter : *node.more[number - 1];
  }
  void set_faults(int server, std::size_t number, const std::function<void(SimDisk::Faults&)>& change) {
    SimDisk::Faults faults = disk(server, number).faults();
    change(faults);
    disk(server, number).set_faults(faults);
  }
  void make_chunks(int server, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i <= to; ++i) {
      chunk = ChunkHandle{i};
      Result<bus::Configure::Reply> active = configure(1, {server}, true);
      ASSERT_TRUE(active) << active.error().text();
      ASSERT_TRUE(write({server}, 1, 0, "text " + std::to_string(i)));
    }
  }
  bool lies_on(std::uint64_t handle, int server, std::size_t number) {
    const std::vector<std::string> files = disk(server, number).files();
    return std::ranges::find(files, fmt::format("chunks/{:02x}/{:016x}.data", handle & 0xff, handle)) != files.end();
  }
  std::vector<std::uint64_t> on(int server, std::size_t number, std::uint64_t up_to) {
    std::vector<std::uint64_t> handles;
    for (std::uint64_t i = 1; i <= up_to; ++i) {
      if (lies_on(i, server, number)) handles.push_back(i);
    }
    return handles;
  }
  // As the last heartbeat said (of the only server).
  bus::DiskInfo told(std::size_t number) {
    return number < master.last_beat.disks.size() ? master.last_beat.disks[number] : bus::DiskInfo{};
  }
  bool until_told(std::size_t number, DiskState state, Duration limit) {
    return until([&] { return number < master.last_beat.disks.size() && told(number).state == state; }, limit);
  }
  void start_again(Settings settings = {}) {
    nodes[0]->kill();
    master.last_beat = {};
    restart(0, std::move(settings));
  }
  std::vector<std::uint64_t> last_report() {
    std::vector<std::uint64_t> handles;
    for (const bus::ReportChunks::Held& one : master.reports.back().chunks) handles.push_back(one.handle.value);
    return handles;
  }
  std::optional<Error> fatal(int server) {
    std::optional<Error> error;
    TaskGroup group;
    group.spawn<Error>(nodes[static_cast<std::size_t>(server)]->server->fatal(), [&error](Result<Error> fatal) {
      if (fatal) error = *fatal;
    });
    world.run_for(10ms);
    return error;
  }
};

TEST_F(DisksTest, NewChunksGoToTheEmptiestDiskThatTakesThem) {
  start_with(1, 3);
  disk(0, 1).set_capacity(1ull << 41);
  world.run_for(2s);
  make_chunks(0, 1, 3);
  EXPECT_EQ(on(0, 1, 3).size(), 3u);
  disk(0, 1).set_capacity(1ull << 39);
  disk(0, 2).set_capacity(1ull << 42);
  world.run_for(2s);
  make_chunks(0, 4, 5);
  EXPECT_THAT(on(0, 2, 5), testing::ElementsAre(4, 5));
  world.run_for(2s);
  ASSERT_EQ(master.last_beat.disks.size(), 3u);
  EXPECT_EQ(told(1).name, "disk1");
  EXPECT_EQ(told(1).chunks, 3u);
  EXPECT_EQ(master.last_beat.chunks, 5u);
  // All of it is there after a restart, wherever it lies.
  restart(0);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    chunk = ChunkHandle{i};
    EXPECT_EQ(*read(0, 1), "text " + std::to_string(i));
  }
}

TEST_F(DisksTest, C10_AServerWhoseDiskIsFullSaysSoAndServesReads) {
  start_with(1, 1);
  make_chunks(0, 1, 1);
  disk(0, 0).set_capacity(disk(0, 0).used() + 10000);
  Result<bus::WriteChunk::Reply> full = write({0}, 1, 6, std::string(200000, 'x'));
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().text(), HasSubstr("no_space"));
  EXPECT_EQ(*read(0, 1), "text 1");
  ASSERT_TRUE(until([&] { return told(0).full; }, 5s));
  EXPECT_EQ(master.last_beat.free, 0u) << "so that the master places elsewhere";
  EXPECT_EQ(told(0).state, DiskState::ok);
  EXPECT_THAT(told(0).reason, testing::Not(IsEmpty()));
  disk(0, 0).set_capacity(1ull << 40);
  ASSERT_TRUE(until([&] { return !told(0).full && master.last_beat.free > 0; }, 10s));
  EXPECT_TRUE(write({0}, 1, 6, std::string(200000, 'x')));
}

TEST_F(DisksTest, C10_AFullMemberMakesNoMemberDiffer) {
  start_with(3, 1);
  ASSERT_TRUE(configure(1, {0, 1, 2}, true));
  ASSERT_TRUE(write({0, 1, 2}, 1, 0, "before"));
  disk(2, 0).set_capacity(disk(2, 0).used() + 50000);
  const RequestId id = next_request();
  push(id, 6, std::string(300000, 'x'), {0, 1, 2});
  Result<bus::WriteChunk::Reply> failed = world.run(order(id, 0, 1, 6, std::string(300000, 'x'), 20s));
  ASSERT_FALSE(failed) << "no member that lacks it may be passed over";
  EXPECT_EQ(failed.error().code, Code::replica_failed);
  EXPECT_EQ(read(2, 1).value_or("").substr(0, 6), "before");
  disk(2, 0).set_capacity(1ull << 40);
  world.run_for(10s);
  ASSERT_TRUE(world.run(order(id, 0, 1, 6, std::string(300000, 'x'), 20s)));
  expect_equal({0, 1, 2});
}

TEST_F(DisksTest, C11_AnUnreadableSectorIsLikeRotAndTenAnHourMakeTheDiskReadOnly) {
  start_with(2, 1);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, std::string(100000, 'x')));
  set_faults(1, 0, [](SimDisk::Faults& faults) { faults.read_error = 1; });
  const Result<std::string> bad = read(1, 1);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::corrupt);
  EXPECT_TRUE(read(0, 1)) << "another replica serves";
  set_faults(1, 0, [](SimDisk::Faults& faults) { faults.read_error = 0; });
  ASSERT_TRUE(until([&] { return !master.damages.empty(); }));
  bus::Configure repair = configuration(2, {0, 1}, false);
  repair.joining = {id_of(1)};
  ASSERT_TRUE(configure(repair));
  EXPECT_TRUE(read(1, 2));
  set_faults(1, 0, [](SimDisk::Faults& faults) { faults.read_error = 1; });
  for (int i = 0; i < 12; ++i) (void)read(1, 2);
  const auto read_only = [&] { return master.last_beat.server == id_of(1) && told(0).state == DiskState::read_only; };
  ASSERT_TRUE(until(read_only, 5s));
  EXPECT_GE(told(0).errors, 10u);
  EXPECT_THAT(told(0).reason, HasSubstr("errors within an hour"));
  EXPECT_EQ(master.last_beat.free, 0u);
  set_faults(1, 0, [](SimDisk::Faults& faults) { faults.read_error = 0; });
  const Result<bus::WriteChunk::Reply> refused = write({0, 1}, 2, 0, "new");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("errors within an hour"));
  ASSERT_TRUE(until([&] { return !master.accusations.empty(); }));
  EXPECT_EQ(master.accusations.back().accused, id_of(1));
  EXPECT_TRUE(master.accusations.back().confessed) << "so that the master replaces it";
}

TEST_F(DisksTest, C12_AfterAFailedSyncNothingIsAcknowledgedAndTheNextLifeLooksAtEverything) {
  for (int power_cut = 0; power_cut < 2; ++power_cut) {
    nodes.clear();
    master.servers.clear();
    start_with(1, 1);
    chunk = ChunkHandle{0xab};
    ASSERT_TRUE(configure(1, {0}, true));
    ASSERT_TRUE(write({0}, 1, 0, std::string(100000, 'a')));
    ASSERT_TRUE(sync(0, 1));
    ASSERT_TRUE(write({0}, 1, 100000, std::string(200000, 'b')));
    set_faults(0, 0, [](SimDisk::Faults& faults) { faults.sync_error = 1; });
    EXPECT_FALSE(sync(0, 1)) << "no acknowledgement";
    const std::optional<Error> error = fatal(0);
    ASSERT_TRUE(error) << "the process ends";
    EXPECT_EQ(error->code, Code::read_only);
    set_faults(0, 0, [](SimDisk::Faults& faults) { faults.sync_error = 0; });
    nodes[0]->kill();
    if (power_cut == 1) disk(0, 0).power_cut();
    restart(0);
    Result<bus::InspectChunk::Reply> seen = inspect(0);
    ASSERT_TRUE(seen) << seen.error().text();
    const Result<std::string> got = read(0, 1);
    // Never wrong bytes as if they were good.
    if (got) EXPECT_TRUE(*got == (std::string(100000, 'a') + std::string(200000, 'b')).substr(0, got->size()));
    if (power_cut == 0) EXPECT_TRUE(got && got->size() == 300000);
    if (power_cut == 1) EXPECT_TRUE(!got || seen->suspect) << "it may have lost bytes, and knows";
  }
}

TEST_F(DisksTest, C12_AFailedSyncOfASecondDiskThatStillAnswersEndsTheProcess) {
  start_with(1, 2);
  disk(0, 1).set_capacity(1ull << 41);
  world.run_for(2s);
  make_chunks(0, 1, 1);
  ASSERT_TRUE(lies_on(1, 0, 1));
  set_faults(0, 1, [](SimDisk::Faults& faults) { faults.sync_error = 1; });
  EXPECT_FALSE(sync(0, 1));
  EXPECT_TRUE(fatal(0));
}

TEST_F(DisksTest, C13_AReadOnlyDiskLeavesTheWritableSetAndServesReads) {
  start_with(1, 1);
  make_chunks(0, 1, 1);
  const Instant begun = world.now();
  set_faults(0, 0, [](SimDisk::Faults& faults) { faults.read_only = true; });
  ASSERT_TRUE(until_told(0, DiskState::read_only, 5s));
  EXPECT_LT(world.now() - begun, 5s);
  EXPECT_EQ(master.last_beat.free, 0u);
  EXPECT_EQ(*read(0, 1), "text 1");
  EXPECT_FALSE(write({0}, 1, 6, "more"));
  ASSERT_TRUE(until([&] { return !master.accusations.empty(); }));
  EXPECT_TRUE(master.accusations.back().confessed);
  EXPECT_FALSE(fatal(0));
  chunk = ChunkHandle{2};
  EXPECT_FALSE(configure(1, {0}, true));
  set_faults(0, 0, [](SimDisk::Faults& faults) { faults.read_only = false; });
  ASSERT_TRUE(until_told(0, DiskState::ok, 10s)) << "a probe finds out";
  chunk = ChunkHandle{1};
  EXPECT_EQ(read(0, 1).value_or("").substr(0, 6), "text 1");
  EXPECT_GT(master.last_beat.free, 0u);
}

TEST_F(DisksTest, C13_WithAnotherDiskNewChunksGoThere) {
  start_with(1, 2);
  disk(0, 1).set_capacity(1ull << 41);
  set_faults(0, 1, [](SimDisk::Faults& faults) { faults.read_only = true; });
  ASSERT_TRUE(until_told(1, DiskState::read_only, 5s));
  make_chunks(0, 1, 2);
  EXPECT_EQ(on(0, 0, 2).size(), 2u);
  EXPECT_EQ(master.last_beat.free, told(0).free);
}

TEST_F(DisksTest, C14_ADiskThatDisappearsCostsOnlyItsChunks) {
  start_with(1, 2);
  disk(0, 1).set_capacity(1ull << 41);
  world.run_for(2s);
  make_chunks(0, 1, 3);
  disk(0, 0).set_capacity(1ull << 42);
  world.run_for(2s);
  make_chunks(0, 4, 5);
  ASSERT_THAT(on(0, 1, 5), testing::ElementsAre(1, 2, 3));
  const SessionId before = master.last_beat.session;
  const std::size_t reports = master.reports.size();
  set_faults(0, 1, [](SimDisk::Faults& faults) { faults.fail_all = true; });
  ASSERT_TRUE(until_told(1, DiskState::failed, 10s));
  EXPECT_FALSE(fatal(0)) << "the process stays up";
  ASSERT_TRUE(until([&] { return master.reports.size() > reports; }));
  EXPECT_NE(master.reports.back().session, before) << "what orders had told the master is void as well";
  EXPECT_THAT(last_report(), testing::ElementsAre(4, 5));
  chunk = ChunkHandle{4};
  EXPECT_EQ(*read(0, 1), "text 4");
  chunk = ChunkHandle{1};
  EXPECT_EQ(read(0, 1).error().code, Code::not_found);
  make_chunks(0, 6, 6);
  EXPECT_TRUE(lies_on(6, 0, 0));
  EXPECT_EQ(master.last_beat.free, told(0).free);
}

TEST_F(DisksTest, C14_ALostDisksPromisesAreKept) {
  start_with(1, 2);
  disk(0, 1).set_capacity(1ull << 41);
  world.run_for(2s);
  ASSERT_TRUE(configure(5, {0}, true));
  set_faults(0, 1, [](SimDisk::Faults& faults) { faults.fail_all = true; });
  ASSERT_TRUE(until_told(1, DiskState::failed, 10s));
  world.run_for(3s);  // its new session has begun
  Result<bus::Configure::Reply> older = configure(4, {0}, true);
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, Code::stale_version) << older.error().text();
}

TEST_F(DisksTest, C14_AFailedSyncOfADiskThatIsGoneCostsThatDisk) {
  start_with(1, 2);
  disk(0, 1).set_capacity(1ull << 41);
  world.run_for(2s);
  make_chunks(0, 1, 1);
  set_faults(0, 1, [](SimDisk::Faults& faults) { faults.fail_all = true; });
  EXPECT_FALSE(sync(0, 1));
  EXPECT_FALSE(fatal(0));
  EXPECT_TRUE(until_told(1, DiskState::failed, 5s));
}

TEST_F(DisksTest, C14_TheFirstDirectoryIsTheServer) {
  start_with(1, 2);
  set_faults(0, 0, [](SimDisk::Faults& faults) { faults.fail_all = true; });
  world.run_for(10s);
  EXPECT_TRUE(fatal(0));
}

TEST_F(DisksTest, C14_ADiskThatIsMissingAtTheStartIsMissedAndTakenBackLater) {
  start_with(1, 2);
  disk(0, 1).set_capacity(1ull << 41);
  world.run_for(2s);
  make_chunks(0, 1, 2);
  nodes[0]->kill();
  std::unique_ptr<SimDisk> away = std::move(nodes[0]->more[0]);
  start_again();
  ASSERT_TRUE(until_told(1, DiskState::failed, 5s));
  EXPECT_THAT(told(1).reason, HasSubstr("no such directory"));
  EXPECT_THAT(last_report(), IsEmpty());
  EXPECT_FALSE(told(1).disk.nil());
  // Not named at all: it is missed all the same.
  nodes[0]->kill();
  nodes[0]->more.clear();
  start_again();
  ASSERT_TRUE(until_told(1, DiskState::failed, 5s));
  EXPECT_EQ(told(1).name, "disk1");
  EXPECT_THAT(told(1).reason, HasSubstr("--forget-disk"));
  nodes[0]->kill();
  nodes[0]->more.push_back(std::move(away));
  start_again();
  ASSERT_TRUE(until_told(1, DiskState::ok, 5s));
  EXPECT_EQ(*read(0, 1), "text 2");
}

TEST_F(DisksTest, C14_AnEmptyDirectoryInAKnownDisksPlaceIsNotTakenForANewOne) {
  start_with(1, 2);
  nodes[0]->kill();
  std::unique_ptr<SimDisk> away = std::exchange(nodes[0]->more[0], std::make_unique<SimDisk>(world, 77));
  start_again();
  ASSERT_TRUE(until_told(1, DiskState::failed, 5s));
  EXPECT_THAT(told(1).reason, HasSubstr("not mounted"));
  EXPECT_THAT(disk(0, 1).files(), IsEmpty()) << "it may be the disk beneath";
  Settings settings;
  settings.forget_disks = {"disk1"};
  start_again(settings);
  ASSERT_TRUE(until_told(1, DiskState::ok, 5s));
  start_again();
  ASSERT_TRUE(until_told(1, DiskState::ok, 5s));
}

TEST_F(DisksTest, C14_ADiskThatComesBackIsTakenBackAndWhatIsNewerElsewhereCounts) {
  start_with(2, 2);
  disk(0, 1).set_capacity(1ull << 41);
  world.run_for(2s);
  ASSERT_TRUE(configure(1, {0, 1}, true));
  ASSERT_TRUE(write({0, 1}, 1, 0, "older"));
  ASSERT_TRUE(lies_on(chunk.value, 0, 1));
  set_faults(0, 1, [](SimDisk::Faults& faults) { faults.fail_all = true; });
  const auto state = [&](DiskState wanted) {
    return [this, wanted] { return master.last_beat.server == id_of(0) && told(1).state == wanted; };
  };
  ASSERT_TRUE(until(state(DiskState::failed), 10s));
  bus::Configure next = configuration(2, {1, 0}, false);
  next.joining = {id_of(0)};
  Result<bus::Configure::Reply> active = configure(next);
  ASSERT_TRUE(active) << active.error().text();
  ASSERT_TRUE(write({1, 0}, 2, 0, "newer"));
  ASSERT_TRUE(lies_on(chunk.value, 0, 0));
  set_faults(0, 1, [](SimDisk::Faults& faults) { faults.fail_all = false; });
  ASSERT_TRUE(until(state(DiskState::ok), 60s));
  EXPECT_EQ(*read(0, 2), "newer");
  const auto put_away = [&] {
    bus::ListQuarantine ask;
    Result<bus::ListQuarantine::Reply> away =
        world.run(master.endpoint.call(bus::Peer(master.peers.at(id_of(0))), std::move(ask)));
    return away && away->entries.size() == 1 && away->entries[0].version == Version{1} &&
           away->entries[0].why == bus::Garbage::stale;
  };
  EXPECT_TRUE(until(put_away, 5min));
  EXPECT_FALSE(lies_on(chunk.value, 0, 1));
  EXPECT_EQ(*read(0, 2), "newer");
  expect_equal({0, 1});
}

TEST_F(DisksTest, C15_ADirectoryOfAnotherServerIsRefusedAndBothAreNamed) {
  start_with(2, 2);
  const std::string own = id_of(0).text(), other = id_of(1).text();
  nodes[0]->kill();
  nodes[1]->kill();
  std::swap(nodes[0]->more[0], nodes[1]->more[0]);
  Result<> started = nodes[0]->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::conflict);
  EXPECT_THAT(started.error().message, HasSubstr(own));
  EXPECT_THAT(started.error().message, HasSubstr(other));
}

TEST_F(DisksTest, C15_ADirectoryOfAnotherClusterIsRefusedAndLeftAlone) {
  start_with(1, 2);
  nodes[0]->kill();
  NodeExecutor node(world);
  {
    std::unique_ptr<Disk> mounted = disk(0, 1).mount(node);
    DiskLabel label = world.run(load_disk_label(*mounted)).value().value();
    EXPECT_EQ(label.cluster, cluster);
    label.cluster = ClusterId::random(random);
    ASSERT_TRUE(world.run(save_disk_label(*mounted, label)));
  }
  const std::vector<std::string> before = disk(0, 1).files();
  Result<> started = nodes[0]->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::wrong_cluster) << started.error().text();
  EXPECT_EQ(disk(0, 1).files(), before);
}

TEST_F(DisksTest, C15_AFurtherDiskIsNoServer) {
  start_with(1, 2);
  nodes[0]->kill();
  NodeExecutor node(world);
  std::unique_ptr<Disk> mounted = disk(0, 1).mount(node);
  Random other(3);
  bus::SimBus bus(network, node, "other");
  Settings settings;
  settings.masters = {kMasterAddress};
  settings.listen = {"tcp://other:7510", "tcp://other:7511", {}};
  ChunkServer server(node, other, bus, *mounted, settings);
  Result<> started = world.run(server.start());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::conflict) << started.error().text();
}

TEST_F(DisksTest, LabelsThatAreNotWholeAreCorruptAndNewerOnesNamed) {
  DiskLabel label{ServerId::random(random), cluster, DiskId::random(random)};
  std::string bytes = encode_disk_label(label);
  EXPECT_EQ(decode_disk_label(Bytes::of(bytes)).value().disk, label.disk);
  EXPECT_EQ(decode_disk_label(Bytes::of(bytes.substr(0, 30))).error().code, Code::corrupt);
  std::string rotten = bytes;
  rotten[20] ^= 1;
  EXPECT_EQ(decode_disk_label(Bytes::of(rotten)).error().code, Code::corrupt);
  bytes[8] = 2;
  EXPECT_EQ(decode_disk_label(Bytes::of(bytes)).error().code, Code::wrong_version);
  const std::string list = encode_known_disks({{label.disk, "/mnt/a\nb"}, {label.disk, ""}});
  EXPECT_EQ(decode_known_disks(Bytes::of(list)).value()[0].name, "/mnt/a\nb");
  for (std::size_t size = 1; size < list.size(); ++size)
    EXPECT_FALSE(decode_known_disks(Bytes::of(list.substr(0, size))));
}

}  // namespace
}  // namespace gfs::chunkserver
