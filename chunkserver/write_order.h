// WriteOrder: which serial of a chunk's version may be applied next, here. The same for primary and secondary.
//
// Serials are applied one after the other, without gaps, each once. A serial is started only when the one before has
// been started; if one fails, those after it have failed with it, and it is the expected one again.
//
// Pure.
#pragma once

#include "base/id.h"

namespace gfs::chunkserver {

class WriteOrder {
 public:
  // `applied`: what is held already of this version.
  explicit WriteOrder(Version version = {}, Serial applied = {})
      : version_(version), applied_(applied), started_(applied) {}

  enum class Turn {
    now,        // it is the expected one
    repeat,     // was applied before
    under_way,  // is being applied
    later,      // an earlier one is missing
  };
  Turn turn_of(Serial serial) const {
    if (serial <= applied_) return Turn::repeat;
    if (serial <= started_) return Turn::under_way;
    return serial == started_.next() ? Turn::now : Turn::later;
  }

  void start(Serial serial) { started_ = serial; }
  void applied(Serial serial) {
    if (serial > applied_) applied_ = serial;
    if (started_ < applied_) started_ = applied_;
  }
  void failed(Serial serial) {
    if (started_ >= serial && serial > applied_) started_ = Serial{serial.value - 1};
  }

  Version version() const { return version_; }
  Serial expected() const { return started_.next(); }
  Serial last_applied() const { return applied_; }

 private:
  Version version_;
  Serial applied_;
  Serial started_;
};

}  // namespace gfs::chunkserver
