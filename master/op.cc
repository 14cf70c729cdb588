#include "master/op.h"

#include <algorithm>
#include <array>

#include "base/crc32c.h"
#include "bus/codec_instances.h"

GFS_CODEC(gfs::master::OpHeader);
GFS_CODEC(gfs::master::CreateFileOp);
GFS_CODEC(gfs::master::MakeDirectoryOp);
GFS_CODEC(gfs::master::RenameOp);
GFS_CODEC(gfs::master::RemoveOp);
GFS_CODEC(gfs::master::SetSizeOp);
GFS_CODEC(gfs::master::AllocateChunkOp);
GFS_CODEC(gfs::master::ReconfigureOp);
GFS_CODEC(gfs::master::ActivateOp);
GFS_CODEC(gfs::master::AddServerOp);
GFS_CODEC(gfs::master::SealChunkOp);
GFS_CODEC(gfs::master::SetPolicyOp);
GFS_CODEC(gfs::master::TruncateOp);
GFS_CODEC(gfs::master::CloseClientOp);
GFS_CODEC(gfs::master::MarkAppendOp);
GFS_CODEC(gfs::master::RestoreOp);
GFS_CODEC(gfs::master::ExpireOp);
GFS_CODEC(gfs::master::PurgeOp);
GFS_CODEC(gfs::master::SetDirectoryPolicyOp);
GFS_CODEC(gfs::master::SetReplicasOp);
GFS_CODEC(gfs::master::BeginEpochOp);
GFS_CODEC(gfs::master::RestoreChunkOp);
GFS_CODEC(gfs::master::SnapshotOp);
GFS_CODEC(gfs::master::RemoveSnapshotOp);
GFS_CODEC(gfs::master::ReserveHandleOp);
GFS_CODEC(gfs::master::ReplaceChunkOp);
GFS_CODEC(gfs::master::ClaimChunkOp);
GFS_CODEC(gfs::master::MarkServerOp);
GFS_CODEC(gfs::master::ForgetServerOp);
GFS_CODEC(gfs::master::SetRepairOp);

namespace gfs::master {

namespace {

constexpr std::size_t kPrefix = 3;

template <class T>
Result<OpBody> decode_as(const Bytes& bytes) {
  Result<T> body = bus::decode<T>(bytes);
  if (!body) return fail(std::move(body));
  return OpBody(std::move(*body));
}

template <std::size_t... kKinds>
Result<OpBody> decode_body(std::size_t kind, const Bytes& bytes, std::index_sequence<kKinds...>) {
  static constexpr std::array kDecoders{&decode_as<std::variant_alternative_t<kKinds, OpBody>>...};
  if (kind >= kDecoders.size()) return fail(Code::malformed, "op of kind {} is unknown", kind);
  return kDecoders[kind](bytes);
}

std::uint32_t digest_of(const Bytes& body, std::size_t kind) {
  return std::max(crc32c(body.span(), static_cast<std::uint32_t>(kind)), 1u);
}

}  // namespace

std::uint32_t digest_of(const OpBody& body) {
  return digest_of(std::visit([](const auto& one) { return bus::encode(one); }, body), body.index());
}

std::string encode_op(Op& op) {
  Bytes body = std::visit([](const auto& one) { return bus::encode(one); }, op.body);
  if (op.header.digest == 0) op.header.digest = digest_of(body, op.body.index());
  Bytes header = bus::encode(op.header);
  std::string text;
  text.reserve(kPrefix + header.size() + body.size());
  text += static_cast<char>(op.body.index());
  text += static_cast<char>(header.size() & 255);
  text += static_cast<char>(header.size() >> 8);
  text += header.view();
  text += body.view();
  return text;
}

std::string_view name_of(const OpBody& body) {
  static constexpr std::array<std::string_view, std::variant_size_v<OpBody>> kNames{
      "create",        "mkdir",       "rename",        "remove",        "set_size",        "allocate_chunk",
      "reconfigure",   "activate",    "add_server",    "seal",          "set_policy",      "truncate",
      "close_client",  "mark_append", "restore",       "expire",        "purge",           "set_directory_policy",
      "set_replicas",  "begin_epoch", "restore_chunk", "snapshot",      "remove_snapshot", "reserve_handle",
      "replace_chunk", "claim_chunk", "mark_server",   "forget_server", "set_repair"};
  return kNames[body.index()];
}

Bytes body_bytes(const Bytes& bytes) {
  const std::size_t header_size = bytes.data()[1] | static_cast<std::size_t>(bytes.data()[2]) << 8;
  return bytes.slice(kPrefix + header_size);
}

Result<Op> decode_op(const Bytes& bytes) {
  if (bytes.size() < kPrefix) return fail(Code::malformed, "an op of {} bytes", bytes.size());
  std::size_t header_size = bytes.data()[1] | static_cast<std::size_t>(bytes.data()[2]) << 8;
  if (bytes.size() < kPrefix + header_size) return fail(Code::malformed, "an op that ends in its header");
  Result<OpHeader> header = bus::decode<OpHeader>(bytes.slice(kPrefix, header_size));
  if (!header) return fail(std::move(header));
  Result<OpBody> body = decode_body(bytes.data()[0], bytes.slice(kPrefix + header_size),
                                    std::make_index_sequence<std::variant_size_v<OpBody>>());
  if (!body) return fail(std::move(body));
  return Op{*header, std::move(*body)};
}

}  // namespace gfs::master
