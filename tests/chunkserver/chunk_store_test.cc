// ChunkStore against a plain std::string, on a disk that crashes, tears, rots and fills up: what was answered is there
// after a crash of the process; what was synced is there after a power cut; nothing wrong is ever read as right.
#include "tests/chunkserver/store_fixture.h"

namespace gfs::chunkserver {
namespace {

TEST_F(StoreTest, RandomWritesReadBackAsWrittenAlsoAfterCrashesOfTheProcess) {
  settings.journal_segment = 1 << 20;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    life.reset();
    platter.reset();
    Random random(seed);
    open(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    std::string model;
    std::uint64_t serial = 0;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t where =
          random.below(4) == 0 ? model.size() : random.below(model.size() + 1 + (random.chance(0.2) ? 150000 : 0));
      const std::string text = text_of(random, 1 + random.below(random.chance(0.5) ? 2000 : 200000));
      Result<std::uint64_t> written = write(++serial, where, text);
      ASSERT_TRUE(written) << written.error().text();
      put_into(model, where, text);
      ASSERT_EQ(*written, model.size());
      if (random.chance(0.1)) {
        Result<std::uint64_t> synced = world.run(store().sync(kChunk));
        ASSERT_TRUE(synced) << synced.error().text();
      }
      if (random.chance(0.1)) open();
      if (random.chance(0.05)) checkpoint_and_reopen();
      Result<std::string> all = read_all();
      ASSERT_TRUE(all) << "seed " << seed << " step " << i << ": " << all.error().text();
      ASSERT_TRUE(*all == model) << "seed " << seed << " step " << i;
      ASSERT_EQ(store().find(kChunk)->serial, Serial{serial});
    }
  }
}

// Kills the process, or the machine, in the middle of several writes in flight. An overwrite that reaches the disk half
// costs its synced neighbours in the block nothing.
TEST_F(StoreTest, I16ACrashInTheMiddleLeavesWhatWasAnsweredAndPowerCutsLeaveWhatWasSynced) {
  settings.journal_segment = 256 << 10;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    life.reset();
    platter.reset();
    Random random(seed * 31);
    open(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    std::string model;  // as ordered
    std::string safe;   // as of what must be there
    std::uint64_t serial = 0, answered = 0;
    std::vector<std::pair<std::uint64_t, std::string>> ordered;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> unsynced;  // ranges written after the last sync
    const bool power = seed % 2 == 0;
    {
      TaskGroup group;
      const int before = static_cast<int>(random.below(12));
      for (int i = 0; i < before; ++i) {
        const std::uint64_t where = random.chance(0.6) ? model.size() : random.below(model.size() + 1);
        const std::string text = text_of(random, 1 + random.below(random.chance(0.5) ? 2000 : 150000));
        ASSERT_TRUE(write(++serial, where, text));
        put_into(model, where, text);
        unsynced.emplace_back(where, text.size());
        if (random.chance(0.3)) {
          ASSERT_TRUE(world.run(store().sync(kChunk)));
          safe = model;
          unsynced.clear();
        }
      }
      answered = serial;
      if (!power) safe = model;
      for (int i = 0; i < 4; ++i) {
        const std::uint64_t where = random.chance(0.6) ? model.size() : random.below(model.size() + 1);
        const std::string text = text_of(random, 1 + random.below(random.chance(0.5) ? 2000 : 150000));
        put_into(model, where, text);
        ordered.emplace_back(where, text);
        unsynced.emplace_back(where, text.size());
        ++serial;
        group.spawn(store().write(mutation(kChunk, 1, serial, where, text)),
                    [&answered, serial](Result<std::uint64_t> done) {
                      if (done) answered = serial;
                    });
      }
      const std::uint64_t steps = random.below(60);
      for (std::uint64_t i = 0; i < steps; ++i) world.step();
    }
    if (power) {
      platter->power_cut();
    } else {
      // What was answered of those in flight counts too.
      for (std::uint64_t s = serial - ordered.size() + 1; s <= answered; ++s) {
        const auto& [where, text] = ordered[s - (serial - ordered.size() + 1)];
        put_into(safe, where, text);
      }
    }
    open();
    if (HasFatalFailure()) return;
    std::optional<ChunkInfo> held = store().find(kChunk);
    ASSERT_TRUE(held) << "seed " << seed;
    ASSERT_LE(held->length, model.size());
    if (!power) {
      ASSERT_GE(held->serial.value, answered) << "seed " << seed;
      Result<std::string> all = read_all();
      ASSERT_TRUE(all) << "seed " << seed << ": " << all.error().text();
      // Exactly the prefix of the order it says it has.
      std::string expected = safe;
      for (std::uint64_t s = answered + 1; s <= held->serial.value; ++s) {
        const auto& [where, text] = ordered[s - (serial - ordered.size() + 1)];
        put_into(expected, where, text);
      }
      ASSERT_TRUE(*all == expected) << "seed " << seed;
      continue;
    }
    ASSERT_GE(held->length, safe.size()) << "seed " << seed;
    // Every synced byte that nobody wrote again is as it was; those written again are old or new, and all verify.
    std::string got;
    while (got.size() < safe.size()) {
      Result<std::string> part = read(got.size(), kFragmentMax);
      ASSERT_TRUE(part) << "seed " << seed << ": " << part.error().text();
      got += *part;
    }
    got.resize(safe.size());
    for (const auto& [where, size] : unsynced) {
      for (std::uint64_t i = where; i < std::min<std::uint64_t>(where + size, safe.size()); ++i) got[i] = safe[i];
    }
    ASSERT_TRUE(got == safe) << "seed " << seed;
  }
}

TEST_F(StoreTest, FlippedBitsAreFoundWhereverTheyAre) {
  Random random(5);
  const std::string text = text_of(random, 200000);
  for (const char* what : {"data", "meta"}) {
    life.reset();
    platter.reset();
    open();
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, text));
    ASSERT_TRUE(world.run(store().close()));
    life.reset();
    const std::string path = "chunks/ab/00000000000000ab." + std::string(what);
    ASSERT_TRUE(platter->flip_bit(path, 70, 3));
    open();
    if (std::string(what) == "meta") {
      EXPECT_FALSE(store().find(kChunk));
      continue;
    }
    std::optional<std::uint32_t> damaged;
    store().on_damage = [&damaged](ChunkHandle, std::uint32_t block, const std::string&) { damaged = block; };
    Result<std::string> bad = read(10, 5);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Code::corrupt);
    EXPECT_NE(bad.error().message.find("block 0"), std::string::npos);
    EXPECT_EQ(damaged, 0u);
    EXPECT_TRUE(store().find(kChunk)->damaged);
    Result<std::string> good = read(kBlockSize, 1000);  // blocks not touched are readable still
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, text.substr(kBlockSize, 1000));
  }
}

TEST_F(StoreTest, AFlippedBitInASyncedJournalStopsTheStart) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "first"));
  ASSERT_TRUE(world.run(store().sync(kChunk)));
  ASSERT_TRUE(write(2, 5, "second"));
  ASSERT_TRUE(world.run(store().sync(kChunk)));
  ASSERT_TRUE(write(3, 11, "third"));
  life.reset();
  std::string journal;
  for (const std::string& file : platter->files()) {
    if (file.starts_with("journal/")) journal = file;
  }
  ASSERT_TRUE(platter->flip_bit(journal, 64 + 40, 1));
  life = std::make_unique<Life>(world, *platter, settings);
  Result<> opened = world.run(life->store->open());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::corrupt);
  EXPECT_NE(opened.error().message.find(journal), std::string::npos);
}

TEST_F(StoreTest, RotUnderAPartialOverwriteIsNotSignedAnew) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, std::string(1000, 'a')));
  ASSERT_TRUE(platter->flip_bit("chunks/ab/00000000000000ab.data", 900, 0));
  Result<std::uint64_t> written = write(2, 10, "overwrite");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::corrupt);
  EXPECT_EQ(store().find(kChunk)->serial, Serial{1});
}

TEST_F(StoreTest, RotBeforeAnAppendIsFoundByTheNextRead) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, std::string(1000, 'a')));
  ASSERT_TRUE(platter->flip_bit("chunks/ab/00000000000000ab.data", 900, 0));
  ASSERT_TRUE(write(2, 1000, "more"));
  EXPECT_EQ(read(1000, 4).error().code, Code::corrupt);
}

TEST_F(StoreTest, OldVersionsAndWrongSerialsWriteNothing) {
  open();
  ASSERT_TRUE(adopt(kChunk, 2));
  ASSERT_TRUE(write(1, 0, "good", 2));
  EXPECT_EQ(write(2, 0, "evil", 1).error().code, Code::stale_version);
  EXPECT_EQ(write(3, 0, "evil", 2).error().code, Code::out_of_order);
  EXPECT_EQ(write(1, 0, "evil", 2).error().code, Code::out_of_order);
  EXPECT_EQ(adopt(kChunk, 1).error().code, Code::stale_version);
  EXPECT_EQ(*read(0, 10), "good");
  ASSERT_TRUE(adopt(kChunk, 3));
  EXPECT_EQ(write(2, 0, "evil", 2).error().code, Code::stale_version);
  ASSERT_TRUE(write(1, 4, "!", 3));
  open();
  EXPECT_EQ(store().find(kChunk)->version, Version{3});
  EXPECT_EQ(store().find(kChunk)->serial, Serial{1});
  EXPECT_EQ(*read(0, 10), "good!");
}

TEST_F(StoreTest, AnAdoptionSurvivesAPowerCut) {
  open();
  ASSERT_TRUE(adopt(kChunk, 7));
  platter->power_cut();
  open();
  ASSERT_TRUE(store().find(kChunk));
  EXPECT_EQ(store().find(kChunk)->version, Version{7});
}

TEST_F(StoreTest, C10_AFullDiskFailsTheWriteAndLosesNothing) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  Random random(3);
  const std::string text = text_of(random, 300000);
  ASSERT_TRUE(write(1, 0, text));
  const std::uint64_t base = platter->used();
  int failures = 0;
  for (std::uint64_t room = 0; room < 420000; room += 20000) {
    platter->set_capacity(base + room);
    Result<std::uint64_t> written = write(2, 300000, text);
    if (written) {
      EXPECT_GT(failures, 3);
      break;
    }
    ++failures;
    EXPECT_EQ(written.error().code, Code::no_space) << written.error().text();
    EXPECT_EQ(store().find(kChunk)->length, 300000u);
    Result<std::string> all = read_all();
    ASSERT_TRUE(all) << all.error().text();
    ASSERT_TRUE(*all == text);
  }
  platter->set_capacity(1ull << 40);
  if (store().find(kChunk)->serial == Serial{1}) {
    ASSERT_TRUE(world.run(store().measure_space()));
    Result<std::uint64_t> written = write(2, 300000, text);
    ASSERT_TRUE(written) << written.error().text();
  }
  open();
  Result<std::string> all = read_all();
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_TRUE(*all == text + text);
}

TEST_F(StoreTest, C10_WhatAFullDiskLeftInTheJournalIsGoneBeforeTheNextSegment) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    platter->set_capacity(platter->used() + 40000);
    EXPECT_EQ(write(1, 0, std::string(60000, 'x')).error().code, Code::no_space);
    Result<std::uint64_t> small = write(1, 0, "small");
    ASSERT_TRUE(small) << small.error().text();
    platter->set_capacity(1ull << 40);
    {
      // The process dies when there is a new segment and the old one cannot go yet.
      TaskGroup group;
      group.spawn(store().close());
      while (journals().size() < 2 || platter->read_now(journals()[1])->size() < 64) ASSERT_TRUE(world.step());
    }
    open();
    if (HasFatalFailure()) return;
    EXPECT_EQ(*read(0, 10), "small");
  }
}

TEST_F(StoreTest, C10_ASegmentThatFoundNoRoomIsNotInTheWayLater) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "kept"));
  platter->set_capacity(platter->used() + 10);  // for the file, not for its header
  EXPECT_EQ(world.run(store().close()).error().code, Code::no_space);
  EXPECT_EQ(write(2, 4, std::string(60000, 'x')).error().code, Code::no_space);
  EXPECT_EQ(world.run(store().close()).error().code, Code::no_space);
  EXPECT_EQ(journals().size(), 1u);
  platter->set_capacity(1ull << 40);
  ASSERT_TRUE(write(2, 4, "!"));
  open();
  EXPECT_EQ(*read(0, 10), "kept!");
}

TEST_F(StoreTest, WhatAKilledProcessLeftInTheJournalIsDurableAfterTheNextSync) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(write(1, 0, std::string(50000, 'x')));
    open();
    ASSERT_TRUE(world.run(store().sync(kChunk)));
    platter->power_cut();
    open();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(read(0, 100000).value_or("") == std::string(50000, 'x')) << "seed " << seed;
  }
}

Task<> append_for_ever(MutationJournal& journal) {
  while (true) {
    MutationJournal::Appended appended = journal.append(DamageRecord{kChunk});
    co_await std::move(appended.written);
  }
}

TEST_F(StoreTest, AJournalThatIsNeverIdleRollsAllTheSame) {
  open();
  MutationJournal journal(life->node, *life->disk, 1 << 30);
  ASSERT_TRUE(world.run(journal.open(1000, {})));
  TaskGroup writers;
  for (int i = 0; i < 3; ++i) {
    writers.spawn(append_for_ever(journal));
    world.run_for(100us);  // so that one waits while another is being written
  }
  std::optional<Result<Lsn>> rolled;
  TaskGroup roller;
  roller.spawn(journal.roll(), [&rolled](Result<Lsn> through) { rolled = std::move(through); });
  world.run_for(1s);
  writers.cancel();
  ASSERT_TRUE(rolled && *rolled);
  EXPECT_GT(journal.last(), **rolled);
}

TEST_F(StoreTest, C10_ACheckpointThatFailedHalfwayCostsNoChunkAtThePowerCutAfterTheNext) {
  const ChunkHandle large{0xac};
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    ASSERT_TRUE(adopt(large, 1));
    ASSERT_TRUE(write(1, 0, "small"));
    ASSERT_TRUE(world.run(store().write(mutation(large, 1, 1, 10'000'000, "far out: many checksums"))));
    ASSERT_TRUE(world.run(store().sync(kChunk)));
    ASSERT_TRUE(world.run(store().sync(large)));
    platter->set_capacity(platter->used() + 2 * 4096);  // for a segment and one metadata file
    EXPECT_EQ(world.run(store().close()).error().code, Code::no_space);
    EXPECT_NE(platter->read_now(meta_path(kChunk)).has_value(), platter->read_now(meta_path(large)).has_value());
    platter->set_capacity(1ull << 40);
    ASSERT_TRUE(world.run(store().close()));
    platter->power_cut();
    open();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(store().find(kChunk) && store().find(large)) << "seed " << seed;
    EXPECT_EQ(*read(0, 10), "small");
  }
}

TEST_F(StoreTest, AChunkWhoseMetadataFileIsGoneIsLostNotEmpty) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "text"));
  checkpoint_and_reopen();
  ASSERT_TRUE(adopt(kChunk, 2));
  ASSERT_TRUE(
      world.run([](Disk& disk) -> Task<> { co_await disk.remove("chunks/ab/00000000000000ab.meta"); }(*life->disk)));
  open();
  EXPECT_FALSE(store().find(kChunk));
}

TEST_F(StoreTest, TheFirstBytesOfAChunkThatWasEmptyAtACheckpointSurviveAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    fresh(seed);
    ASSERT_TRUE(adopt(kChunk, 1));
    checkpoint_and_reopen();
    ASSERT_TRUE(write(1, 0, std::string(200000, 'x')));
    ASSERT_TRUE(world.run(store().sync(kChunk)));
    platter->power_cut();
    open();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(read(0, 300000).value_or("") == std::string(200000, 'x')) << "seed " << seed;
  }
}

TEST_F(StoreTest, AnUnreadableMetadataFileCostsItsChunkNotTheCheckpoint) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "text"));
  settings.loaded_chunks = 0;
  checkpoint_and_reopen();
  ASSERT_TRUE(platter->flip_bit("chunks/ab/00000000000000ab.meta", 70, 3));
  ASSERT_TRUE(adopt(kChunk, 2));
  EXPECT_TRUE(world.run(store().close()));
  EXPECT_TRUE(store().find(kChunk)->damaged);
}

TEST_F(StoreTest, C10_AFailedCreationIsNotHeld) {
  open();
  platter->set_capacity(platter->used());
  ChunkHandle handle{1};
  Result<> adopted;
  while ((adopted = adopt(handle, 1)) && handle.value < 1000) ++handle.value;
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, Code::no_space);
  platter->set_capacity(1ull << 40);
  adopted = world.run(store().adopt(handle, Version{2}, primary, false));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, Code::not_found);
  EXPECT_FALSE(store().find(handle));
  EXPECT_TRUE(adopt(handle, 2));
}

TEST_F(StoreTest, C12_AFailedSyncIsFinalButReadsGoOn) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "kept"));
  bool told = false;
  store().on_broken = [&told](const Error&) { told = true; };
  SimDisk::Faults faults;
  faults.sync_error = 1;
  platter->set_faults(faults);
  EXPECT_FALSE(world.run(store().sync(kChunk)));
  EXPECT_TRUE(told);
  platter->set_faults({});
  EXPECT_FALSE(world.run(store().sync(kChunk)));
  EXPECT_EQ(write(2, 4, "more").error().code, Code::read_only);
  EXPECT_EQ(*read(0, 10), "kept");
}

TEST_F(StoreTest, C18_CheckpointsEmptyTheJournalAndManyChunksNeedFewOpenFiles) {
  settings.journal_segment = 64 << 10;
  settings.open_files = 4;
  settings.loaded_chunks = 4;
  open();
  for (std::uint64_t i = 1; i <= 60; ++i) {
    const ChunkHandle handle{i};
    ASSERT_TRUE(adopt(handle, 1));
    Result<std::uint64_t> written =
        world.run(store().write(mutation(handle, 1, 1, 0, std::string(4096, static_cast<char>(i)))));
    ASSERT_TRUE(written) << written.error().text();
  }
  world.run_for(1s);
  ASSERT_TRUE(world.run(store().close()));
  std::size_t journals = 0, bytes = 0;
  for (const std::string& file : platter->files()) {
    if (!file.starts_with("journal/")) continue;
    ++journals;
    bytes += platter->read_now(file)->size();
  }
  EXPECT_EQ(journals, 1u);
  EXPECT_LT(bytes, 4096u);
  platter->power_cut();
  open();
  for (std::uint64_t i = 1; i <= 60; ++i) {
    Result<ReadBytes> got = world.run(store().read(ChunkHandle{i}, 0, 5000));
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->bytes.str(), std::string(4096, static_cast<char>(i)));
  }
}

TEST_F(StoreTest, C15_ForeignFilesAreLeftAlone) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "ours"));
  for (const char* path :
       {"chunks/readme.txt", "chunks/ab/odd\nname", "chunks/ab/00000000000000cd.data", "journal/notes"}) {
    Result<std::shared_ptr<File>> file = world.run([](Disk& disk, std::string name) -> Task<std::shared_ptr<File>> {
      co_return co_await disk.open(name, Disk::Mode::write);
    }(*life->disk, path));
    ASSERT_TRUE(file) << file.error().text();
  }
  checkpoint_and_reopen();
  EXPECT_EQ(*read(0, 10), "ours");
  for (const char* path :
       {"chunks/readme.txt", "chunks/ab/odd\nname", "chunks/ab/00000000000000cd.data", "journal/notes"}) {
    EXPECT_TRUE(platter->read_now(path)) << path;
  }
}

TEST_F(StoreTest, C15_EmptyFilesAndDirectoriesWithAChunksNameAreNoChunks) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  ASSERT_TRUE(write(1, 0, "ours"));
  const auto make = [](Disk& disk) -> Task<> {
    co_await disk.make_directories("chunks/ab/00000000000001ab.meta");
    co_await disk.make_directories("chunks/ab/00000000000002ab.copy");
    (void)co_await disk.open("chunks/ab/00000000000003ab.meta", Disk::Mode::write);
    (void)co_await disk.open("chunks/ab/00000000000003ab.data", Disk::Mode::write);
  };
  ASSERT_TRUE(world.run(make(*life->disk)));
  checkpoint_and_reopen();
  EXPECT_EQ(store().count(), 1u);
  EXPECT_EQ(*read(0, 10), "ours");
  EXPECT_TRUE(platter->read_now("chunks/ab/00000000000003ab.meta")) << "left alone";
  EXPECT_TRUE(*world.run([](Disk& disk) -> Task<bool> {
    co_return co_await disk.exists("chunks/ab/00000000000001ab.meta");
  }(*life->disk)));
  // And one of ours that has become empty is damaged, not empty.
  const auto empty = [](Disk& disk) -> Task<> {
    std::shared_ptr<File> file = co_await disk.open("chunks/ab/00000000000000ab.data", Disk::Mode::write);
    co_await file->truncate(0);
  };
  ASSERT_TRUE(world.run(empty(*life->disk)));
  open();
  EXPECT_EQ(read(0, 10).error().code, Code::corrupt);
  EXPECT_TRUE(info().damaged);
}

// E12: no buffer ever holds a whole chunk, because nothing larger than a fragment is accepted or given.
TEST_F(StoreTest, E12AFullChunkTravelsInFragments) {
  open();
  ASSERT_TRUE(adopt(kChunk, 1));
  EXPECT_EQ(write(1, 0, std::string(kFragmentMax + 1, 'x')).error().code, Code::invalid_argument);
  const std::string fragment(kFragmentMax, 'x');
  for (std::uint64_t i = 0; i < kChunkSize / kFragmentMax; ++i) ASSERT_TRUE(write(i + 1, i * kFragmentMax, fragment));
  EXPECT_EQ(write(65, kChunkSize, "y").error().code, Code::invalid_argument);
  EXPECT_EQ(store().find(kChunk)->length, kChunkSize);
  for (std::uint64_t i = 0; i < kChunkSize / kFragmentMax; i += 7) {
    Result<std::string> got = read(i * kFragmentMax, kFragmentMax);
    ASSERT_TRUE(got);
    ASSERT_TRUE(*got == fragment);
  }
}

}  // namespace
}  // namespace gfs::chunkserver
