// What a power cut may lose and what it may not; rot, full and failing disks; and that a seed replays all of it.
#include "base/sim_disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace gfs {
namespace {

// Plays a story on a fresh disk, cuts the power, and gives what is left.
class Machine {
 public:
  explicit Machine(std::uint64_t seed) : platter(world, seed) {}
  void run(Task<> body) {
    Result<> result = world.run(std::move(body));
    EXPECT_TRUE(result) << result.error().text();
  }
  SimExecutor world;
  SimDisk platter;
};

Task<> write_synced_then_more(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(4096, 's')));
  co_await file->sync();
  co_await disk.sync_directory("");
  co_await file->write(2048, Bytes::of(std::string(4096, 'n')));
}

TEST(SimDiskPowerCut, SyncedBytesStayAndUnsyncedOnesGoSectorBySector) {
  std::set<std::string> outcomes;
  std::set<std::uint64_t> sizes;
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    machine.run(write_synced_then_more(*disk));
    std::string boot = disk->boot_id();
    disk.reset();
    machine.platter.power_cut();
    std::optional<std::string> left = machine.platter.read_now("f");
    ASSERT_TRUE(left);
    ASSERT_GE(left->size(), 4096u);
    ASSERT_LE(left->size(), 6144u);
    EXPECT_EQ(left->substr(0, 2048), std::string(2048, 's'));
    EXPECT_EQ(left->substr(2048, 2048).find_first_not_of("sn"), std::string::npos);
    EXPECT_EQ(left->substr(4096).find_first_not_of(std::string_view("n\0", 2)), std::string::npos);
    for (std::size_t sector = 2048; sector < 4096; sector += 512) {
      std::string bytes = left->substr(sector, 512);
      torn |= bytes.find('s') != std::string::npos && bytes.find('n') != std::string::npos;
    }
    outcomes.insert(*left);
    sizes.insert(left->size());
    EXPECT_NE(machine.platter.mount(machine.world)->boot_id(), boot);
  }
  EXPECT_GT(outcomes.size(), 50u);
  EXPECT_TRUE(torn);
  EXPECT_TRUE(sizes.contains(4096) && sizes.contains(6144));
  EXPECT_TRUE(outcomes.contains(std::string(4096, 's')));                           // all lost
  EXPECT_TRUE(outcomes.contains(std::string(2048, 's') + std::string(4096, 'n')));  // all kept
}

Task<> names(Disk& disk) {
  co_await disk.make_directories("d");
  for (std::string name : {"kept", "d/kept"}) {
    std::shared_ptr<File> file = co_await disk.open(name, Disk::Mode::create_new);
    co_await file->write(0, Bytes::of(name));
    co_await file->sync();
  }
  co_await disk.sync_directory("d");
  co_await disk.sync_directory("");
  std::shared_ptr<File> file = co_await disk.open("created", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of("created"));
  co_await file->sync();  // its bytes, not its name
  co_await disk.remove("d/kept");
  co_await disk.rename("kept", "renamed");
}

TEST(SimDiskPowerCut, NamesAreDurableOnlyWithTheirFolder) {
  std::set<std::string> stories;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    machine.run(names(*disk));
    disk.reset();
    machine.platter.power_cut();
    std::string story;
    for (const std::string& path : machine.platter.files()) story += path + " ";
    stories.insert(story);
    bool old_name = machine.platter.read_now("kept") == "kept";
    bool new_name = machine.platter.read_now("renamed") == "kept";
    EXPECT_NE(old_name, new_name) << story;  // a rename is one change
    if (auto created = machine.platter.read_now("created")) EXPECT_EQ(*created, "created");
  }
  EXPECT_EQ(stories.size(), 8u);  // each of three changes kept or lost
}

Task<> synced_names(Disk& disk) {
  co_await names(disk);
  co_await disk.make_directories("e");
  co_await disk.sync_directory("");
  co_await disk.sync_directory("d");
  co_await disk.rename("renamed", "e/moved");
  co_await disk.sync_directory("e");  // the end of the old name is not synced
}

TEST(SimDiskPowerCut, SyncedNamesStay) {
  bool both = false;
  bool gone = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    machine.run(synced_names(*disk));
    machine.platter.power_cut();  // under a living mount
    EXPECT_EQ(machine.platter.read_now("created"), "created");
    EXPECT_FALSE(machine.platter.read_now("kept"));
    EXPECT_FALSE(machine.platter.read_now("d/kept"));
    EXPECT_EQ(machine.platter.read_now("e/moved"), "kept");
    std::optional<std::string> old_name = machine.platter.read_now("renamed");
    both |= old_name.has_value();
    gone |= !old_name.has_value();
  }
  EXPECT_TRUE(both);
  EXPECT_TRUE(gone);
}

Task<> cut_short(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(40'000, 'x')));
  co_await file->sync();
  co_await disk.sync_directory("");
  co_await file->truncate(100);
}

TEST(SimDiskPowerCut, ALostTruncationBringsTheOldBytesBack) {
  std::set<std::uint64_t> sizes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    machine.run(cut_short(*disk));
    disk.reset();
    machine.platter.power_cut();
    std::string left = *machine.platter.read_now("f");
    EXPECT_EQ(left, std::string(left.size(), 'x'));
    EXPECT_TRUE(left.size() >= 100 && left.size() <= 40'000);
    sizes.insert(left.size());
  }
  EXPECT_TRUE(sizes.contains(100) && sizes.contains(40'000));
}

Task<> clone_unsynced(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(40'000, 'x')));
  co_await file->sync();
  std::shared_ptr<File> synced = co_await disk.open("synced", Disk::Mode::create_new);
  co_await disk.clone("f", "synced");
  co_await synced->sync();
  co_await disk.clone("f", "unsynced");
  co_await disk.sync_directory("");
}

TEST(SimDiskPowerCut, ACloneIsAsUnsafeAsWrittenBytes) {
  std::set<std::size_t> kept;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    machine.run(clone_unsynced(*disk));
    disk.reset();
    machine.platter.power_cut();
    EXPECT_EQ(machine.platter.read_now("f"), std::string(40'000, 'x'));
    EXPECT_EQ(machine.platter.read_now("synced"), std::string(40'000, 'x'));
    std::string left = *machine.platter.read_now("unsynced");
    EXPECT_EQ(left.find_first_not_of(std::string_view("x\0", 2)), std::string::npos);
    kept.insert(static_cast<std::size_t>(std::ranges::count(left, 'x')));
  }
  EXPECT_TRUE(kept.contains(0) && kept.contains(40'000));
  EXPECT_GT(kept.size(), 5u);  // and torn
}

Task<> clone_into_little(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(60'000, 'x')));
  Result<> full = co_await disk.clone("f", "g").outcome();
  EXPECT_EQ(full.error().code, Code::no_space);
  EXPECT_NE(full.error().message.find("g"), std::string::npos);
  co_await disk.remove("g");
  Disk::Space space = co_await disk.space();
  EXPECT_GE(space.available, 38'000u);
}

TEST(SimDisk, ACloneNeedsRoom) {
  Machine machine(1);
  machine.platter.set_capacity(100'000);
  std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
  machine.run(clone_into_little(*disk));
}

Task<> leave_a_clone(Disk& disk, std::vector<Future<void>>& futures) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(64'000, 'x')));
  futures.push_back(disk.clone("f", "g"));
}

TEST(SimDisk, ACrashOfTheProcessMayLeaveHalfAClone) {
  std::set<std::uint64_t> sizes;
  bool none = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    std::vector<Future<void>> futures;
    machine.run(leave_a_clone(*disk, futures));
    disk.reset();
    std::optional<std::string> left = machine.platter.read_now("g");
    none |= !left;
    if (left) sizes.insert(left->size());
  }
  EXPECT_TRUE(none);
  EXPECT_TRUE(sizes.contains(64'000));
  EXPECT_GT(sizes.size(), 3u);
}

Task<> fly(Disk& disk, std::vector<Future<void>>& futures, std::shared_ptr<File>& file) {
  file = co_await disk.open("f", Disk::Mode::create_new);
  futures.push_back(file->write(0, Bytes::of(std::string(16'384, 'w'))));
}

TEST(SimDisk, ACrashOfTheProcessDecidesWhatWasInFlight) {
  std::set<std::uint64_t> sizes;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    std::vector<Future<void>> futures;
    std::shared_ptr<File> file;
    machine.run(fly(*disk, futures, file));
    disk.reset();
    sizes.insert(machine.platter.read_now("f")->size());
    auto late = [](std::shared_ptr<File> dead) -> Task<> { co_await dead->sync(); };
    Result<> after = machine.world.run(late(file));
    ASSERT_FALSE(after);
    EXPECT_EQ(after.error().code, Code::shutting_down);
  }
  EXPECT_TRUE(sizes.contains(0) && sizes.contains(16'384));
  EXPECT_GT(sizes.size(), 2u);  // and parts of it
}

Task<> fill(Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(60'000, 'x')));
  Result<> full = co_await file->write(60'000, Bytes::of(std::string(100'000, 'x'))).outcome();
  EXPECT_EQ(full.error().code, Code::no_space);
  co_await file->write(100, Bytes::of("in place"));
  co_await file->truncate(0);
  Disk::Space space = co_await disk.space();
  EXPECT_EQ(space.available, space.capacity);
  co_await file->write(0, Bytes::of(std::string(60'000, 'x')));
  co_await disk.remove("f");
  space = co_await disk.space();
  EXPECT_EQ(space.available, space.capacity);
}

TEST(SimDisk, AFullDiskRefusesAndSpaceComesBack) {
  Machine machine(1);
  machine.platter.set_capacity(100'000);
  std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
  machine.run(fill(*disk));
  EXPECT_EQ(machine.platter.used(), 0u);
}

Task<> rot(SimDisk& platter, Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of("abc"));
  co_await file->sync();
  co_await disk.sync_directory("");
  EXPECT_TRUE(platter.flip_bit("f", 1, 0));
  EXPECT_FALSE(platter.flip_bit("f", 3, 0));
  EXPECT_FALSE(platter.flip_bit("g", 0, 0));
  Bytes bytes = co_await file->read(0, 3);
  EXPECT_EQ(bytes.str(), "acc");
}

TEST(SimDisk, RotStays) {
  Machine machine(1);
  std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
  machine.run(rot(machine.platter, *disk));
  disk.reset();
  machine.platter.power_cut();
  EXPECT_EQ(machine.platter.read_now("f"), "acc");
}

Task<> fail_everything(SimDisk& platter, Disk& disk) {
  std::shared_ptr<File> file = co_await disk.open("f", Disk::Mode::create_new);
  co_await file->write(0, Bytes::of(std::string(3 * SimFileData::kPage, 'a')));
  co_await disk.sync_directory("");
  platter.set_faults({.sync_error = 1.0});
  Result<> sync = co_await file->sync().outcome();
  EXPECT_EQ(sync.error().code, Code::io_error);
  platter.set_faults({.read_error = 1.0, .write_error = 1.0});
  EXPECT_EQ((co_await file->read(0, 1).outcome()).error().code, Code::io_error);
  EXPECT_EQ((co_await file->write(0, Bytes::of("a")).outcome()).error().code, Code::io_error);
  platter.set_faults({.fail_all = true});
  EXPECT_EQ((co_await disk.exists("f").outcome()).error().code, Code::io_error);
  platter.set_faults({});
  co_await file->sync();  // says yes, and that is the trap
}

TEST(SimDisk, AfterAFailedSyncALaterOneSavesNotEverything) {
  bool lost = false;
  bool kept = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Machine machine(seed);
    std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
    machine.run(fail_everything(machine.platter, *disk));
    EXPECT_EQ(machine.platter.read_now("f"), std::string(3 * SimFileData::kPage, 'a'));
    disk.reset();
    machine.platter.power_cut();
    bool whole = machine.platter.read_now("f") == std::string(3 * SimFileData::kPage, 'a');
    lost |= !whole;
    kept |= whole;
  }
  EXPECT_TRUE(lost);
  EXPECT_TRUE(kept);
}

std::string story_of(std::uint64_t seed) {
  Machine machine(seed);
  std::unique_ptr<Disk> disk = machine.platter.mount(machine.world);
  machine.run(write_synced_then_more(*disk));
  machine.run(names(*disk));
  disk.reset();
  machine.platter.power_cut();
  std::string story = fmt::format("{} ", machine.world.now().time_since_epoch().count());
  for (const std::string& path : machine.platter.files()) story += path + "=" + *machine.platter.read_now(path) + " ";
  return story;
}

TEST(SimDisk, ASeedReplays) {
  std::set<std::string> stories;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(story_of(seed), story_of(seed));
    stories.insert(story_of(seed));
  }
  EXPECT_EQ(stories.size(), 10u);
}

}  // namespace
}  // namespace gfs
