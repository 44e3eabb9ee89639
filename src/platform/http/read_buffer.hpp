#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>

#include "platform/http/receive_budget.hpp"

namespace guildhall::http {

/// The bytes of a session that are received and not yet used. What it needs beyond its first kOwnBytes comes from a
/// budget, and goes back as soon as what is left fits into them.
class ReadBuffer {
public:
    static constexpr std::size_t kOwnBytes = 4096;

    explicit ReadBuffer(ReceiveBudget& budget) : budget_(budget) {}
    ~ReadBuffer() { budget_.give_back(capacity_ - kOwnBytes); }
    ReadBuffer(const ReadBuffer&) = delete;
    ReadBuffer& operator=(const ReadBuffer&) = delete;

    std::string_view bytes() const { return {data_.get() + begin_, end_ - begin_}; }
    /// The same, to be changed in place.
    std::span<char> writable() { return {data_.get() + begin_, end_ - begin_}; }

    /// Room for at least one more byte, or for none when the budget is used up; a full buffer grows by `growth`. It
    /// moves what bytes() gave.
    boost::asio::mutable_buffer prepare(std::size_t growth) {
        if (end_ == capacity_) move_to_front();
        if (end_ == capacity_ && !resize(end_ + growth)) return {};
        return {data_.get() + end_, capacity_ - end_};
    }
    /// Adds the first `count` bytes of that room to bytes().
    void commit(std::size_t count) { end_ += count; }
    /// Drops the first `count` of bytes().
    void consume(std::size_t count) {
        begin_ += count;
        if (begin_ == end_) begin_ = end_ = 0;
        if (capacity_ == kOwnBytes || end_ - begin_ > kOwnBytes) return;
        move_to_front();
        resize(kOwnBytes);
    }
    /// Drops `count` of bytes() behind the first `at`.
    void cut(std::size_t at, std::size_t count) {
        char* const hole = data_.get() + begin_ + at;
        std::memmove(hole, hole + count, end_ - begin_ - at - count);
        end_ -= count;
    }

private:
    void move_to_front() {
        std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
        end_ -= std::exchange(begin_, 0);
    }
    bool resize(std::size_t capacity) {
        auto data = std::make_unique_for_overwrite<char[]>(capacity);  // first: it may throw
        if (capacity > capacity_ && !budget_.take(capacity - capacity_)) return false;
        if (capacity < capacity_) budget_.give_back(capacity_ - capacity);
        std::memcpy(data.get(), data_.get(), end_);
        data_ = std::move(data);
        capacity_ = capacity;
        return true;
    }

    ReceiveBudget& budget_;
    std::unique_ptr<char[]> data_ = std::make_unique_for_overwrite<char[]>(kOwnBytes);
    std::size_t capacity_ = kOwnBytes;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace guildhall::http
