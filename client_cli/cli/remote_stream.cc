#include "client_cli/cli/remote_stream.h"

namespace gfs::cli {

Task<> RemoteReader::open_file(RemoteReader& reader, Filesystem& filesystem, std::string path) {
  Filesystem::Open how = Filesystem::Open::read;
  reader.file_ = co_await filesystem.open(std::move(path), how);
  reader.size_ = reader.file_->size();
}

Task<Bytes> RemoteReader::next_piece(RemoteReader& reader) { co_return co_await reader.file_->next(); }

Task<> RemoteReader::drop(RemoteReader& reader) {
  reader.file_.reset();
  co_return;
}

RemoteReader::~RemoteReader() {
  if (file_) (void)session_.run_to_end<void>([this](Filesystem&) { return drop(*this); });
}

Result<> RemoteReader::open(const std::string& path) {
  return session_.run<void>([this, path](Filesystem& filesystem) { return open_file(*this, filesystem, path); });
}

Result<Bytes> RemoteReader::next() {
  return session_.run<Bytes>([this](Filesystem&) { return next_piece(*this); });
}

Task<> RemoteWriter::begin_target(RemoteWriter& writer, Filesystem& filesystem, RemoteTarget::Settings settings) {
  writer.target_ = co_await RemoteTarget::begin(filesystem, writer.leftovers_, std::move(settings));
}

Task<> RemoteWriter::append_piece(RemoteWriter& writer, Bytes bytes) {
  co_await writer.target_->file().append(std::move(bytes));
}

Task<> RemoteWriter::finish_target(RemoteWriter& writer) { co_await writer.target_->finish(); }

Task<> RemoteWriter::drop(RemoteWriter& writer) {
  writer.target_.reset();
  co_return;
}

RemoteWriter::~RemoteWriter() {
  if (target_) (void)session_.run_to_end<void>([this](Filesystem&) { return drop(*this); });
}

Result<> RemoteWriter::begin(RemoteTarget::Settings settings) {
  return session_.run<void>(
      [this, settings](Filesystem& filesystem) { return begin_target(*this, filesystem, settings); });
}

Result<> RemoteWriter::append(std::string piece) {
  Bytes bytes = Bytes::of(std::move(piece));
  return session_.run<void>([this, bytes](Filesystem&) { return append_piece(*this, bytes); });
}

Result<> RemoteWriter::finish() {
  return session_.run<void>([this](Filesystem&) { return finish_target(*this); });
}

}  // namespace gfs::cli
