#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>

namespace guildhall::http {

/// The bytes of a session that are received and not yet used.
class ReadBuffer {
public:
    static constexpr std::size_t kInitialBytes = 4096;
    static constexpr std::size_t kMaxKeptBytes = 64 << 10;  // a buffer that grew past this shrinks when it is empty

    std::string_view bytes() const { return {data_.data() + begin_, end_ - begin_}; }

    /// Room for at least `least` more bytes. It moves what bytes() gave.
    boost::asio::mutable_buffer prepare(std::size_t least) {
        if (data_.size() - end_ < least) {
            data_.erase(0, begin_);
            end_ -= begin_;
            begin_ = 0;
            if (data_.size() - end_ < least) data_.resize(std::max(end_ + least, data_.size() * 2));
        }
        return boost::asio::buffer(data_.data() + end_, data_.size() - end_);
    }
    /// Adds the first `count` bytes of that room to bytes().
    void commit(std::size_t count) { end_ += count; }
    /// Drops the first `count` of bytes().
    void consume(std::size_t count) {
        begin_ += count;
        if (begin_ != end_) return;
        begin_ = end_ = 0;
        if (data_.size() > kMaxKeptBytes) data_ = std::string(kInitialBytes, '\0');
    }

private:
    std::string data_ = std::string(kInitialBytes, '\0');
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace guildhall::http
