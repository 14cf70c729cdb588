// The master as clients see it, over the bus: names, repeats, restarts, refused starts.
#include <string>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

using testing::HasSubstr;

TEST_F(MasterTest, ServesNames) {
  EXPECT_EQ(call(bus::MakeDirectory{"/a/b", true}).value().type, bus::FileType::directory);
  bus::FileInfo made = call(bus::CreateFile{"/a/b/f", 2}).value();
  EXPECT_EQ(made.path, "/a/b/f");
  EXPECT_EQ(made.replicas, 2u);
  EXPECT_EQ(call(bus::CreateFile{"/a/b/g"}).value().replicas, 3u) << "the default";
  EXPECT_EQ(call(bus::Stat{"/a/b/f"}).value().inode, made.inode);
  EXPECT_TRUE(call(bus::Exists{"/a"}).value().exists);
  EXPECT_FALSE(call(bus::Exists{"/a/b/f/x"}).value().exists);
  EXPECT_EQ(call(bus::Rename{"/a/b", "/c", false}).value().path, "/c");
  bus::List::Reply listed = call(bus::List{"/c", "", 1}).value();
  ASSERT_EQ(listed.entries.size(), 1u);
  EXPECT_EQ(listed.entries[0].path, "/c/f");
  EXPECT_TRUE(listed.more);
  EXPECT_EQ(call(bus::List{"/c", "f", 10}).value().entries[0].path, "/c/g");
  EXPECT_EQ(call(bus::List{"/c/f"}).value().entries[0].path, "/c/f");
  EXPECT_TRUE(call(bus::SetSize{made.inode, 123}));
  EXPECT_EQ(call(bus::Stat{"/c/f"}).value().size, 123u);
  EXPECT_EQ(call(bus::Remove{"/c", false}).error().code, Code::not_empty);
  EXPECT_EQ(call(bus::Remove{"/c", true}).value().files, 2u);
  EXPECT_EQ(call(bus::Stat{"/c/f"}).error().code, Code::not_found);
  EXPECT_EQ(call(bus::Stat{"c"}).error().code, Code::invalid_argument);
  EXPECT_EQ(call(bus::CreateFile{"/many", 99}).error().code, Code::invalid_argument);
}

TEST_F(MasterTest, APageOfLongNamesFitsIntoAFrame) {
  std::string deep = "/" + std::string(255, 'd');
  for (int i = 0; i < 13; ++i) deep += "/" + std::string(255, 'd');
  ASSERT_TRUE(call(bus::MakeDirectory{deep, true}));
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(call(bus::CreateFile{deep + "/" + std::to_string(1000 + i) + std::string(200, 'f')}));
  std::string after;
  std::size_t seen = 0, pages = 0;
  while (true) {
    Result<bus::List::Reply> page = call(bus::List{deep, after, 1000});
    ASSERT_TRUE(page) << page.error().text();
    seen += page->entries.size();
    ++pages;
    if (!page->more) break;
    after = page->entries.back().path.substr(deep.size() + 1);
  }
  EXPECT_EQ(seen, 300u);
  EXPECT_GT(pages, 1u);
}

TEST_F(MasterTest, N13ARepeatIsAnsweredAsTheFirstTimeAlsoAfterARestart) {
  bus::FileInfo first = call(bus::CreateFile{"/f"}, request(1)).value();
  EXPECT_EQ(call(bus::CreateFile{"/f"}, request(1)).value().inode, first.inode);
  ASSERT_TRUE(call(bus::Remove{"/f", false}, request(2)));
  kill_master(true);
  ASSERT_TRUE(start_master());
  EXPECT_EQ(call_until_ok(bus::Exists{"/"}).value().exists, true);
  EXPECT_EQ(call(bus::CreateFile{"/f"}, request(1)).value().inode, first.inode);
  EXPECT_EQ(call(bus::Remove{"/f", false}, request(2)).value().files, 1u);
  EXPECT_FALSE(call(bus::Exists{"/f"}).value().exists);
  EXPECT_EQ(call(bus::CreateFile{"/other"}, request(1)).error().code, Code::invalid_argument);
}

TEST_F(MasterTest, E5M01AcknowledgedNamesSurvivePowerCuts) {
  std::set<std::string> acknowledged;
  for (int life = 0; life < 5; ++life) {
    TaskGroup group;
    for (int i = 0; i < 40; ++i) {
      std::string path = "/" + std::to_string(life) + "-" + std::to_string(i);
      bus::CreateFile ask{path};
      group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask)),
                  [&acknowledged, path](Result<bus::FileInfo> made) {
                    if (made) acknowledged.insert(path);
                  });
    }
    world.clock.run_for(std::chrono::microseconds(300 + world.random.below(3000)));
    kill_master(true);
    world.clock.run_for(100ms);
    group.cancel();
    Result<> started = start_master();
    ASSERT_TRUE(started) << started.error().text();
    ASSERT_TRUE(call_until_ok(bus::Exists{"/"}));
    for (const std::string& path : acknowledged) EXPECT_TRUE(call(bus::Exists{path}).value().exists) << path;
  }
  EXPECT_FALSE(acknowledged.empty());
}

TEST_F(MasterTest, M23ADirectoryIsFormattedOnceAndLockedByOne) {
  bus::SimBus other_bus(world.network, world.clock, "other");
  Settings other = settings;
  other.format = false;
  other.listen.control = "sim://other";
  {
    auto second = world.platter.mount(world.clock);
    Master rival(world.clock, world.random, other_bus, *second, other);
    EXPECT_EQ(world.clock.run(rival.start()).error().code, Code::in_use);
  }
  kill_master();
  EXPECT_EQ(start_master(true).error().code, Code::refused);
  kill_master();
  EXPECT_TRUE(start_master());
}

TEST_F(MasterTest, AnEmptyDirectoryWithoutFormatIsRefused) {
  SimDisk empty(world.clock, 5);
  {
    auto mounted = empty.mount(world.clock);
    bus::SimBus other_bus(world.network, world.clock, "other");
    Settings other;
    other.listen.control = "sim://other";
    Master stranger(world.clock, world.random, other_bus, *mounted, other);
    EXPECT_EQ(world.clock.run(stranger.start()).error().code, Code::not_formatted);
  }
}

TEST_F(MasterTest, ADirectoryWithSomethingInItIsNotFormatted) {
  SimDisk used(world.clock, 5);
  {
    auto mounted = used.mount(world.clock);
    auto write = [](Disk& to) -> Task<> { (void)co_await to.open("precious", Disk::Mode::write); };
    ASSERT_TRUE(world.clock.run(write(*mounted)));
    bus::SimBus other_bus(world.network, world.clock, "other");
    Settings other;
    other.listen.control = "sim://other";
    other.format = true;
    Master stranger(world.clock, world.random, other_bus, *mounted, other);
    Result<> started = world.clock.run(stranger.start());
    EXPECT_EQ(started.error().code, Code::refused);
    EXPECT_THAT(started.error().message, HasSubstr("precious"));
  }
}

TEST_F(MasterTest, AnInterruptedFormatCanBeRepeated) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SimDisk fresh(world.clock, seed);
    Settings other;
    other.listen.control = "sim://other";
    other.format = true;
    for (int attempt = 0; attempt < 2; ++attempt) {
      auto mounted = fresh.mount(world.clock);
      bus::SimBus other_bus(world.network, world.clock, "other");
      Master young(world.clock, world.random, other_bus, *mounted, other);
      if (attempt == 0) {
        TaskGroup group;
        group.spawn(young.start());
        world.clock.run_for(std::chrono::microseconds(seed * 60));
        fresh.power_cut();
        if (fresh.read_now("identity")) break;
      } else {
        Result<> started = world.clock.run(young.start());
        EXPECT_TRUE(started) << "seed " << seed << ": " << started.error().text();
      }
    }
  }
}

TEST_F(MasterTest, M04AFlippedBitInItsLogStopsIt) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(call(bus::CreateFile{"/" + std::to_string(i)}));
  kill_master();
  ASSERT_TRUE(world.platter.flip_bit("log/0000000000000001.log", 700, 3));
  Result<> started = start_master();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::corrupt);
  for (const char* says : {"0000000000000001.log", "offset", "index"})
    EXPECT_THAT(started.error().message, HasSubstr(says));
}

TEST_F(MasterTest, M15OnAFullDiskOneCanStillRemoveAndReadAndItSaysSo) {
  settings.trash = 0s;
  kill_master();
  ASSERT_TRUE(start_master());
  ASSERT_TRUE(call_until_ok(bus::MakeDirectory{"/d"}));
  for (int i = 0; i < 20; ++i) make_file("/d/" + std::to_string(i));
  world.platter.set_capacity(world.platter.used());
  Result<bus::FileInfo> made;
  for (int i = 0; i < 50 && made; ++i) made = call(bus::CreateFile{"/e" + std::to_string(i)});
  EXPECT_EQ(made.error().code, Code::no_space);
  EXPECT_THAT(call(bus::ClusterStatus{}).value().codes, testing::Contains("GFS_MASTER_DISK_FULL"));
  EXPECT_TRUE(call(bus::Stat{"/d/3"}));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(call(bus::Remove{"/d/" + std::to_string(i)}));
  EXPECT_EQ(call(bus::MakeDirectory{"/f"}).error().code, Code::no_space);
  kill_master(true);
  ASSERT_TRUE(start_master());
  EXPECT_EQ(call_until_ok(bus::List{"/d"}).value().entries.size(), 0u);
  world.platter.set_capacity(1 << 30);
  EXPECT_TRUE(call_until_ok(bus::MakeDirectory{"/f"}));
}

TEST_F(MasterTest, AFailedSyncIsTheEnd) {
  ASSERT_TRUE(call(bus::CreateFile{"/a"}));
  world.platter.set_faults({.sync_error = 1});
  Result<bus::FileInfo> made = call(bus::CreateFile{"/b"}, {}, 2s);
  EXPECT_EQ(made.error().outcome(), gfs::Outcome::may_have_happened);
  EXPECT_TRUE(fatal.has_value());
  EXPECT_FALSE(call(bus::Stat{"/a"}, {}, 1s)) << "nothing is answered from then on";
}

TEST_F(MasterTest, AStopAnswersWhatItTook) {
  TaskGroup group;
  int answered = 0;
  for (int i = 0; i < 10; ++i) {
    bus::CreateFile ask{"/" + std::to_string(i)};
    group.spawn(client->call(bus::Peer::at(kMasterAddress), std::move(ask)), [&answered](Result<bus::FileInfo> made) {
      if (made) ++answered;
    });
  }
  world.clock.run_for(1ms);
  ASSERT_TRUE(world.clock.run(master->stop()));
  world.clock.run_for(1s);
  group.cancel();
  kill_master();
  ASSERT_TRUE(start_master());
  ASSERT_TRUE(call_until_ok(bus::Exists{"/"}));
  EXPECT_EQ(call(bus::List{"/"}).value().entries.size(), static_cast<std::size_t>(answered));
  EXPECT_GT(answered, 0);
}

TEST_F(MasterTest, AStrangerIsRefused) {
  ClusterId mine = client->cluster();
  client->set_cluster(ClusterId::random(world.random));
  Result<bus::FileInfo> got = call(bus::Stat{"/"});
  EXPECT_EQ(got.error().code, Code::wrong_cluster);
  EXPECT_THAT(got.error().message, HasSubstr(mine.text()));
}

}  // namespace
}  // namespace gfs::master
