#include "platform/redis/reply.hpp"

#include <utility>

#include <hiredis/read.h>

#include "platform/base/result.hpp"

namespace guildhall::redis {
namespace {

// hiredis requests an object for each part of an answer. These are created in their final place, so that nothing is
// copied twice.
Reply* make(const redisReadTask* task, Reply::Kind kind) {
    Reply* reply = task->parent == nullptr
                       ? new Reply
                       : &static_cast<Reply*>(task->parent->obj)->elements[static_cast<std::size_t>(task->idx)];
    reply->kind = kind;
    return reply;
}

void* make_text(const redisReadTask* task, char* text, std::size_t size) {
    const auto kind = task->type == REDIS_REPLY_ERROR    ? Reply::Kind::error
                      : task->type == REDIS_REPLY_STATUS ? Reply::Kind::status
                                                         : Reply::Kind::text;
    Reply* reply = make(task, kind);
    reply->text.assign(text, size);
    return reply;
}

// Null ends the connection. No command here has so many elements in its answer, and an exception must not cross
// hiredis.
void* make_array(const redisReadTask* task, int size) {
    constexpr int kMaxElements = 1'000'000;
    if (size > kMaxElements) return nullptr;
    Reply* reply = make(task, Reply::Kind::array);
    reply->elements.resize(static_cast<std::size_t>(size));
    return reply;
}

void* make_integer(const redisReadTask* task, long long value) {
    Reply* reply = make(task, Reply::Kind::integer);
    reply->integer = value;
    return reply;
}

void* make_nil(const redisReadTask* task) { return make(task, Reply::Kind::nil); }

// Called for complete answers only; parts belong to their answer.
void destroy(void* reply) { delete static_cast<Reply*>(reply); }

redisReplyObjectFunctions functions{make_text, make_array, make_integer, make_nil, destroy};

}  // namespace

void Reader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

Reader::Reader() : reader_(redisReaderCreateWithFunctions(&functions)) {
    if (!reader_) throw std::bad_alloc();
}

void Reader::feed(std::string_view bytes) {
    if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) throw std::bad_alloc();
}

std::optional<Reply> Reader::next() {
    void* object = nullptr;
    if (redisReaderGetReply(reader_.get(), &object) != REDIS_OK) {
        throw Unavailable("Redis: " + std::string(reader_->errstr));
    }
    if (object == nullptr) return std::nullopt;
    const std::unique_ptr<Reply> reply(static_cast<Reply*>(object));
    return std::move(*reply);
}

}  // namespace guildhall::redis
