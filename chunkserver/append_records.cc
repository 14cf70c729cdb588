#include "chunkserver/append_records.h"

#include <algorithm>

#include "base/crc32c.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kHeaderSize = 8 + 4;
constexpr std::size_t kClientSize = 16 + 4;
constexpr std::size_t kRecordSize = 8 + 4 + 4 + 8 + 4 + 4 + 8;
static_assert(kClientSize + kRecordSize <= 64, "a client with one record is the largest a record gets");

std::uint64_t last_of(const AppendRecord& record) { return record.first + record.count - 1; }

bool makes_sense(std::uint64_t first, std::uint32_t count) {
  return first != 0 && count != 0 && first <= UINT64_MAX - (count - 1);
}

}  // namespace

Result<std::optional<AppendRecord>> AppendRecords::judge(const Ask& ask, std::uint64_t pending_last) const {
  const std::uint64_t first = ask.id.sequence;
  if (ask.id.client.nil() || !makes_sense(first, ask.count)) {
    return fail(Code::invalid_argument, "append {}: a batch of {} records", ask.id.text(), ask.count);
  }
  std::uint64_t known = pending_last;
  auto client = clients_.find(ask.id.client);
  if (client != clients_.end()) {
    const Batches& batches = client->second;
    known = std::max(known, last_of(batches.back()));
    auto found = std::ranges::lower_bound(batches, first, {}, &AppendRecord::first);
    if (found != batches.end() && found->first == first) {
      if (found->count == ask.count && found->size == ask.size && found->digest == ask.digest) return *found;
      return fail(Code::invalid_argument, "append {}: it was done with other content", ask.id.text());
    }
  } else if (expired_ms_ != 0 && ask.asked_ms <= expired_ms_) {
    return fail(Code::record_expired, "append {}: what was asked for up to {} ms is no longer on record", ask.id.text(),
                expired_ms_);
  }
  if (first <= known) {
    return fail(Code::record_expired, "append {}: its writer is at {} already, and it is not on record", ask.id.text(),
                known);
  }
  if (ask.previous > known) {
    return fail(Code::out_of_sequence, "append {}: the one before, {}, has not come; {} is the last one here",
                ask.id.text(), ask.previous, known);
  }
  return std::nullopt;
}

void AppendRecords::add(ClientId client, const AppendRecord& record) {
  if (client.nil() || !makes_sense(record.first, record.count)) return;
  Batches& batches = clients_[client];
  if (!batches.empty() && record.first <= last_of(batches.back())) return;  // done before: the first time counts
  batches.push_back(record);
  ++size_;
  oldest_ms_ = std::min(oldest_ms_, record.time_ms);
  if (batches.size() > kPerClientMax) {
    batches.pop_front();
    --size_;
  }
  trim();
}

void AppendRecords::expire(std::int64_t now_ms) {
  const std::int64_t kept_from = now_ms - kKeptMs;
  if (oldest_ms_ >= kept_from) return;
  oldest_ms_ = INT64_MAX;
  for (auto client = clients_.begin(); client != clients_.end();) {
    auto here = client++;
    Batches& batches = here->second;
    if (batches.back().time_ms < kept_from) {
      drop(here);
      expired_ms_ = std::max(expired_ms_, kept_from);
      continue;
    }
    while (batches.front().time_ms < kept_from) {
      batches.pop_front();
      --size_;
    }
    for (const AppendRecord& record : batches) oldest_ms_ = std::min(oldest_ms_, record.time_ms);
  }
}

void AppendRecords::import(const AppendRecords& earlier) {
  for (const auto& [client, theirs] : earlier.clients_) {
    Batches& ours = clients_[client];
    Batches both;
    auto next = theirs.begin();
    for (const AppendRecord& own : ours) {
      for (; next != theirs.end() && next->first < own.first; ++next) {
        if (last_of(*next) < own.first) both.push_back(*next);
      }
      while (next != theirs.end() && next->first <= last_of(own)) ++next;
      both.push_back(own);
    }
    both.insert(both.end(), next, theirs.end());
    while (both.size() > kPerClientMax) both.pop_front();
    size_ += both.size() - ours.size();
    ours = std::move(both);
  }
  expired_ms_ = std::max(expired_ms_, earlier.expired_ms_);
  oldest_ms_ = std::min(oldest_ms_, earlier.oldest_ms_);
  trim();
}

// The same on every member: it looks at nothing but what is remembered.
void AppendRecords::trim() {
  while (clients_.size() > kClientsMax) {
    drop(std::ranges::min_element(clients_, {}, [](const Clients::value_type& client) {
      return std::pair(client.second.back().time_ms, client.first);
    }));
  }
  if (size_ <= kRecordsMax) return;
  const std::size_t cap = std::max<std::size_t>(1, kRecordsMax / clients_.size());
  for (auto& [client, batches] : clients_) {
    while (batches.size() > cap) {
      batches.pop_front();
      --size_;
    }
  }
}

void AppendRecords::drop(Clients::iterator client) {
  expired_ms_ = std::max(expired_ms_, client->second.back().time_ms);
  size_ -= client->second.size();
  clients_.erase(client);
}

std::uint32_t AppendRecords::digest() const { return empty() ? 0 : crc32c(encode()); }

std::string AppendRecords::encode() const {
  if (empty()) return {};
  LittleEndianWriter out;
  out.reserve(kHeaderSize + clients_.size() * kClientSize + size_ * kRecordSize);
  out.u64(static_cast<std::uint64_t>(expired_ms_));
  out.u32(static_cast<std::uint32_t>(clients_.size()));
  for (const auto& [client, batches] : clients_) {
    out.raw(std::span<const std::uint8_t>(client.bytes));
    out.u32(static_cast<std::uint32_t>(batches.size()));
    for (const AppendRecord& record : batches) {
      out.u64(record.first);
      out.u32(record.count);
      out.u32(record.index);
      out.u64(record.offset);
      out.u32(record.size);
      out.u32(record.digest);
      out.u64(static_cast<std::uint64_t>(record.time_ms));
    }
  }
  return out.take();
}

Result<AppendRecords> AppendRecords::decode(std::string_view bytes) {
  AppendRecords records;
  if (bytes.empty()) return records;
  LittleEndianReader in({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  records.expired_ms_ = static_cast<std::int64_t>(in.u64());
  const std::uint32_t clients = in.u32();
  if (!in.ok() || records.expired_ms_ < 0 || clients > kClientsMax) {
    return fail(Code::malformed, "append records: a header that makes no sense ({} clients)", clients);
  }
  for (std::uint32_t i = 0; i < clients; ++i) {
    ClientId client;
    client.bytes = in.id();
    const std::uint32_t count = in.u32();
    const bool ascends = records.clients_.empty() ? !client.nil() : records.clients_.rbegin()->first < client;
    if (!in.ok() || !ascends || count == 0 || count > kPerClientMax || in.left() < count * kRecordSize) {
      return fail(Code::malformed, "append records: client {} of {} makes no sense", i, clients);
    }
    Batches& batches = records.clients_[client];
    for (std::uint32_t j = 0; j < count; ++j) {
      AppendRecord record;
      record.first = in.u64();
      record.count = in.u32();
      record.index = in.u32();
      record.offset = in.u64();
      record.size = in.u32();
      record.digest = in.u32();
      record.time_ms = static_cast<std::int64_t>(in.u64());
      const bool follows = batches.empty() || record.first > last_of(batches.back());
      if (!makes_sense(record.first, record.count) || !follows || record.time_ms < 0) {
        return fail(Code::malformed, "append records: record {} of client {} makes no sense", j, client);
      }
      records.oldest_ms_ = std::min(records.oldest_ms_, record.time_ms);
      batches.push_back(record);
    }
    records.size_ += count;
  }
  if (in.left() != 0 || records.size_ > kRecordsMax || records.empty()) {
    return fail(Code::malformed, "append records: {} records, {} bytes left over", records.size_, in.left());
  }
  return records;
}

}  // namespace gfs::chunkserver
