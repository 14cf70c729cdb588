// Journal records: each kind comes back as it was written; what does not fit together is refused; segments of another
// format are refused with both numbers; whose life a segment is of is told.
#include "chunkserver/journal_record.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/random.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {
namespace {

const ChunkHandle kHandle{0xab};

Result<SegmentContents> read_back(const JournalRecord& record, std::string_view carried,
                                  const std::string& boot = "boot") {
  std::string segment = encode_segment_header(7, "boot");
  append_record(segment, {7, kSegmentHeaderSize, 9, 64, 64}, encode_record(record), carried);
  return read_segment("journal/x", 7, Bytes::of(std::move(segment)), boot, true);
}

template <class Record>
Record back(const Record& record, std::string_view carried = {}) {
  Result<SegmentContents> contents = read_back(record, carried);
  EXPECT_TRUE(contents) << contents.error().text();
  if (!contents || contents->entries.size() != 1) return {};
  EXPECT_EQ(contents->entries[0].lsn, 9u);
  const auto* read = std::get_if<Record>(&contents->entries[0].record);
  EXPECT_NE(read, nullptr);
  return read == nullptr ? Record{} : *read;
}

AppendRecords some_records() {
  AppendRecords records;
  records.add(ClientId{{1}}, {.first = 3, .count = 2, .index = 1, .offset = 4, .size = 5, .digest = 6, .time_ms = 7});
  return records;
}

IntentRecord intent_of(MutationKind what) {
  IntentRecord intent;
  intent.handle = kHandle;
  intent.version.value = 2;
  intent.serial.value = 3;
  intent.id = {ClientId{{4}}, 5};
  intent.previous = 6;
  intent.what = what;
  intent.digest = 7;
  intent.time_ms = 8;
  intent.length = 100;
  if (what == MutationKind::write || what == MutationKind::append) {
    intent.offset = 90;
    intent.size = 10;
    intent.count = what == MutationKind::append ? 2 : 0;
    intent.index = 9;
    intent.checksums = {10};
  } else if (what == MutationKind::truncate) {
    intent.checksums = {11};
  }
  return intent;
}

TEST(JournalRecord, EveryKindComesBackAsItWasWritten) {
  const AdoptRecord adopt = back(AdoptRecord{kHandle, Version{2}, ServerId{{3}}, 4, true});
  EXPECT_EQ(adopt.handle, kHandle);
  EXPECT_EQ(adopt.version, Version{2});
  EXPECT_EQ(adopt.primary, ServerId{{3}});
  EXPECT_EQ(adopt.previous, 4u);
  EXPECT_TRUE(adopt.created);
  const PromiseRecord promise = back(PromiseRecord{kHandle, Version{5}, ServerId{{6}}, 7, false});
  EXPECT_EQ(promise.version, Version{5});
  EXPECT_EQ(promise.primary, ServerId{{6}});
  EXPECT_EQ(promise.previous, 7u);
  EXPECT_FALSE(promise.created);
  EXPECT_EQ(back(DurableRecord{kHandle, 8}).through, 8u);
  EXPECT_EQ(back(DamageRecord{kHandle}).handle, kHandle);
  EXPECT_EQ(back(SuspectRecord{kHandle}).handle, kHandle);
  EXPECT_EQ(back(MendRecord{kHandle}).handle, kHandle);
  EXPECT_EQ(back(DistrustRecord{kHandle}).handle, kHandle);
}

TEST(JournalRecord, EveryMutationComesBackAsItWasWritten) {
  for (MutationKind what : {MutationKind::write, MutationKind::append, MutationKind::seal, MutationKind::import_records,
                            MutationKind::truncate}) {
    IntentRecord intent = intent_of(what);
    std::string carried;
    if (what == MutationKind::write) carried = "ten bytes.";
    if (what == MutationKind::import_records) carried = some_records().encode();
    intent.carries_bytes = !carried.empty();
    if (what == MutationKind::import_records) intent.size = carried.size();
    const IntentRecord read = back(intent, carried);
    EXPECT_EQ(read.what, what);
    EXPECT_EQ(read.serial, intent.serial);
    EXPECT_EQ(read.id, intent.id);
    EXPECT_EQ(read.previous, intent.previous);
    EXPECT_EQ(read.offset, intent.offset);
    EXPECT_EQ(read.size, intent.size);
    EXPECT_EQ(read.count, intent.count);
    EXPECT_EQ(read.index, intent.index);
    EXPECT_EQ(read.time_ms, intent.time_ms);
    EXPECT_EQ(read.length, intent.length);
    EXPECT_EQ(read.checksums, intent.checksums);
    EXPECT_EQ(read.bytes.view(), carried);
  }
}

TEST(JournalRecord, AnInstallComesBackAsItWasWritten) {
  for (std::uint32_t blocks : {0u, 1u, 8u, 9u, kBlocks}) {
    InstallRecord install;
    install.handle = kHandle;
    install.version.value = 2;
    install.serial.value = 3;
    install.primary = ServerId{{4}};
    install.previous = 5;
    install.length = std::uint64_t{blocks} * kBlockSize;
    install.sealed = blocks % 2 == 1;
    Random random(blocks);
    for (std::uint32_t block = 0; block < blocks; ++block) {
      install.checksums.push_back(static_cast<std::uint32_t>(random.next()));
      install.copied.push_back(random.chance(0.5));
    }
    const std::string records = blocks == 0 ? "" : some_records().encode();
    install.records_size = static_cast<std::uint32_t>(records.size());
    const InstallRecord read = back(install, records);
    EXPECT_EQ(read.version, install.version);
    EXPECT_EQ(read.serial, install.serial);
    EXPECT_EQ(read.primary, install.primary);
    EXPECT_EQ(read.previous, install.previous);
    EXPECT_EQ(read.length, install.length);
    EXPECT_EQ(read.sealed, install.sealed);
    EXPECT_EQ(read.checksums, install.checksums);
    EXPECT_EQ(read.copied, install.copied);
    EXPECT_EQ(read.records.view(), records);
  }
}

TEST(JournalRecord, AForkComesBackAsItWasWritten) {
  InstallRecord fork;
  fork.created = true;
  fork.handle = kHandle;
  fork.version.value = 1;
  fork.length = 8 * kBlockSize + 1;
  fork.sealed = true;
  for (std::uint32_t block = 0; block < 9; ++block) fork.checksums.push_back(block + 100);
  fork.copied.resize(9);
  const std::string records = some_records().encode();
  fork.records_size = static_cast<std::uint32_t>(records.size());
  const InstallRecord read = back(fork, records);
  EXPECT_TRUE(read.created);
  EXPECT_EQ(read.version, fork.version);
  EXPECT_EQ(read.length, fork.length);
  EXPECT_TRUE(read.sealed);
  EXPECT_EQ(read.checksums, fork.checksums);
  EXPECT_EQ(read.copied, fork.copied);
  EXPECT_EQ(read.records.view(), records);
  fork.created = false;
  EXPECT_FALSE(back(fork, records).created);
}

TEST(JournalRecord, TheLargestChunkFitsIntoARecord) {
  EXPECT_LE(kRecordsSizeMax + 4 * kBlocks + kBlocks / 8 + 200, kRecordBodyMax);
}

TEST(JournalRecord, WhatDoesNotFitTogetherIsRefused) {
  struct Case {
    const char* name;
    MutationKind what;
    void (*spoil)(IntentRecord&);
  };
  const Case cases[] = {
      {"an unknown kind", MutationKind::write, [](IntentRecord& one) { one.what = static_cast<MutationKind>(9); }},
      {"a write of nothing", MutationKind::write, [](IntentRecord& one) { one.size = 0; }},
      {"a write behind the end", MutationKind::write, [](IntentRecord& one) { one.offset = 95; }},
      {"an append that is not the end", MutationKind::append, [](IntentRecord& one) { one.length = 101; }},
      {"an append of no records", MutationKind::append, [](IntentRecord& one) { one.count = 0; }},
      {"an append that is too large", MutationKind::append,
       [](IntentRecord& one) {
         one.offset = 0;
         one.size = one.length = kAppendMax + 1;
       }},
      {"a seal with blocks", MutationKind::seal, [](IntentRecord& one) { one.checksums = {1}; }},
      {"a cut of two blocks", MutationKind::truncate,
       [](IntentRecord& one) {
         one.checksums = {1, 2};
       }},
      {"a cut that leaves too much", MutationKind::truncate, [](IntentRecord& one) { one.length = kChunkSize + 1; }},
      {"an import that carries nothing", MutationKind::import_records, [](IntentRecord&) {}},
      {"a time before time", MutationKind::seal, [](IntentRecord& one) { one.time_ms = -1; }},
      {"blocks behind the end", MutationKind::write, [](IntentRecord& one) { one.first_block = 1; }},
  };
  for (const Case& test : cases) {
    IntentRecord intent = intent_of(test.what);
    test.spoil(intent);
    Result<SegmentContents> contents = read_back(intent, {});
    ASSERT_FALSE(contents) << test.name;
    EXPECT_EQ(contents.error().code, Code::corrupt) << test.name;
    EXPECT_NE(contents.error().message.find("lsn 9"), std::string::npos) << contents.error().message;
  }
  IntentRecord import = intent_of(MutationKind::import_records);
  import.carries_bytes = true;
  import.size = 5;
  EXPECT_FALSE(read_back(import, "hello"));
  InstallRecord install;
  install.handle = kHandle;
  install.records_size = 5;
  EXPECT_FALSE(read_back(install, "hello"));
  install.records_size = 0;
  install.length = 1;  // and no checksum
  EXPECT_FALSE(read_back(install, {}));
  install.checksums = {1};
  install.copied = {false};
  install.version.value = 1;
  install.created = true;
  EXPECT_TRUE(read_back(install, {}));
  install.copied = {true};  // a fork that brings something over
  EXPECT_FALSE(read_back(install, {}));
  install.copied = {false};
  install.previous = 3;  // one of a chunk that was there
  EXPECT_FALSE(read_back(install, {}));
  install.previous = 0;
  install.version.value = 0;
  EXPECT_FALSE(read_back(install, {}));
}

TEST(JournalRecord, ASegmentTellsWhetherTheMachineHasBeenUpSince) {
  EXPECT_TRUE(read_back(DamageRecord{kHandle}, {}, "boot")->this_boot);
  EXPECT_FALSE(read_back(DamageRecord{kHandle}, {}, "another boot")->this_boot);
}

TEST(JournalRecord, AnotherFormatIsRefusedWithBothNumbers) {
  std::string segment = encode_segment_header(7, "boot");
  segment[8] = 1;
  LittleEndianWriter crc;
  crc.u32(crc32c(std::string_view(segment).substr(0, kSegmentHeaderSize - 4)));
  segment.replace(kSegmentHeaderSize - 4, 4, crc.view());
  Result<SegmentContents> contents = read_segment("journal/x", 7, Bytes::of(segment), "boot", true);
  ASSERT_FALSE(contents);
  EXPECT_EQ(contents.error().code, Code::wrong_version);
  EXPECT_NE(contents.error().message.find("format 1, this program reads 2"), std::string::npos);
}

}  // namespace
}  // namespace gfs::chunkserver
