#include "master/checkpoint_format.h"

#include <charconv>

#include "base/crc32c.h"
#include "master/little_endian.h"

namespace gfs::master {

namespace {

constexpr std::string_view kMagic{"GFSCKPT\n", 8};
constexpr std::string_view kSuffix = ".ckp";
constexpr std::uint8_t kEnd = 255;
constexpr std::size_t kHeaderChecked = 16;  // what is before it is magic, format and crc
constexpr std::size_t kBlockChecked = 8;    // size and crc

// Over everything but itself.
std::uint32_t header_crc(std::string_view header) {
  const std::uint32_t before = crc32c(header.substr(0, kHeaderChecked - 4));
  return crc32c(header.substr(kHeaderChecked, kCheckpointHeaderSize - kHeaderChecked), before);
}

// The size counts too: it is put behind the crc's begin.
std::uint32_t block_crc(std::uint32_t before, std::string_view block, std::uint32_t size) {
  std::string number;
  put(number, size);
  return crc32c(block.data() + kBlockChecked, block.size() - kBlockChecked,
                crc32c(number.data(), number.size(), before));
}

}  // namespace

std::string checkpoint_name(std::uint64_t index) { return fmt::format("{:016x}{}", index, kSuffix); }

std::uint64_t parse_checkpoint_name(std::string_view name) {
  if (name.size() != 16 + kSuffix.size() || !name.ends_with(kSuffix)) return 0;
  std::uint64_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 16, index, 16);
  return error == std::errc() && checkpoint_name(index) == name ? index : 0;
}

void CheckpointEncoder::begin(std::string& text, const CheckpointHeader& header) {
  std::string bytes(kMagic);
  put(bytes, kCheckpointFormat);
  put(bytes, std::uint32_t{0});
  put_uuid(bytes, header.cluster);
  put(bytes, header.epoch);
  put(bytes, header.term);
  put(bytes, header.index);
  put(bytes, header.salt);
  before_ = header_crc(bytes);
  std::string crc;
  put(crc, before_);
  text += bytes.replace(kHeaderChecked - 4, 4, crc);
}

void CheckpointEncoder::add(std::string& text, PieceKind kind, std::string_view piece) {
  block(text, static_cast<std::uint8_t>(kind), piece);
}

void CheckpointEncoder::end(std::string& text) { block(text, kEnd, {}); }

void CheckpointEncoder::block(std::string& text, std::uint8_t kind, std::string_view piece) {
  const std::size_t begin = text.size();
  const auto size = static_cast<std::uint32_t>(piece.size());
  put(text, size);
  put(text, std::uint32_t{0});
  put(text, ++number_);
  put(text, kind);
  text.append(3, '\0');
  text += piece;
  before_ = block_crc(before_, std::string_view(text).substr(begin), size);
  std::string crc;
  put(crc, before_);
  text.replace(begin + 4, 4, crc);
}

std::unexpected<Error> CheckpointDecoder::broken(std::string_view why) const {
  return fail(Code::corrupt, "damaged at offset {}: {}", offset_, why);
}

Result<> CheckpointDecoder::feed(std::string_view bytes) {
  left_ += bytes;
  std::string_view left = left_;
  auto taken = [&](std::size_t size) {
    left.remove_prefix(size);
    offset_ += size;
  };
  if (!has_header_) {
    if (left.size() < kCheckpointHeaderSize) return {};
    Result<> good = decode_header(left);
    if (!good) return good;
    taken(kCheckpointHeaderSize);
  }
  while (!left.empty()) {
    if (ended_) return broken("something follows the end");
    Result<std::size_t> block = decode_block(left);
    if (!block) return fail(std::move(block));
    if (*block == 0) break;
    taken(*block);
  }
  left_.erase(0, left_.size() - left.size());
  return {};
}

Result<> CheckpointDecoder::decode_header(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return broken("no checkpoint begins like this");
  Taker taker(bytes.substr(kMagic.size(), kCheckpointHeaderSize - kMagic.size()));
  const auto format = taker.number<std::uint32_t>();
  before_ = taker.number<std::uint32_t>();
  if (before_ != header_crc(bytes.substr(0, kCheckpointHeaderSize)))
    return broken("the header's checksum does not match");
  if (format != kCheckpointFormat)
    return fail(Code::wrong_version, "format {}, this program reads {}", format, kCheckpointFormat);
  header_.cluster = taker.uuid<ClusterId>();
  header_.epoch = taker.number<std::uint64_t>();
  header_.term = taker.number<std::uint64_t>();
  header_.index = taker.number<std::uint64_t>();
  header_.salt = taker.number<std::uint64_t>();
  has_header_ = true;
  return {};
}

Result<std::size_t> CheckpointDecoder::decode_block(std::string_view bytes) {
  if (bytes.size() < kBlockHeaderSize) return 0;
  Taker taker(bytes);
  const auto size = taker.number<std::uint32_t>();
  const auto crc = taker.number<std::uint32_t>();
  const auto number = taker.number<std::uint32_t>();
  const auto kind = taker.number<std::uint8_t>();
  if (size > kPieceMax || number != number_ + 1) return broken(fmt::format("no block {} stands there", number_ + 1));
  if (bytes.size() < kBlockHeaderSize + size) return 0;
  if (block_crc(before_, bytes.substr(0, kBlockHeaderSize + size), size) != crc)
    return broken(fmt::format("the checksum of block {} does not match", number));
  before_ = crc;
  number_ = number;
  if (kind == kEnd) {
    ended_ = true;
    return kBlockHeaderSize + size;
  }
  Result<> good = take_(static_cast<PieceKind>(kind), bytes.substr(kBlockHeaderSize, size));
  if (!good) return fail(std::move(good));
  return kBlockHeaderSize + size;
}

Result<> CheckpointDecoder::finish() const {
  if (!ended_ || !left_.empty()) return broken("the file ends in the middle");
  return {};
}

}  // namespace gfs::master
