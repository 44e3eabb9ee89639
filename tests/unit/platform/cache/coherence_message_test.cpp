#include "platform/cache/coherence_message.hpp"

#include <gtest/gtest.h>

namespace guildhall::cache {
namespace {

using Type = CoherenceMessage::Type;

TEST(CoherenceMessage, IsReadAsItWasWritten) {
    const CoherenceMessage messages[] = {
        {Type::heartbeat, "a1", 7, 3, "", {"user.card", "user.hidden"}, {}},
        {Type::heartbeat, "a1", 0, 1, "", {}, {}},
        {Type::change,
         "a1",
         18446744073709551615U,
         0,
         "",
         {},
         {{"post.record", {1, -2, 9223372036854775807}}, {"post.timeline", {5}}}},
        {Type::leave, "a1", 2, 0, "", {}, {}},
        {Type::ack, "a1", 9, 0, "user", {}, {}},
    };
    for (const CoherenceMessage& message : messages) {
        const auto read = CoherenceMessage::read(message.write());
        ASSERT_TRUE(read) << message.write();
        EXPECT_EQ(read->write(), message.write());
        EXPECT_EQ(read->type, message.type);
        EXPECT_EQ(read->sender, message.sender);
        EXPECT_EQ(read->sequence, message.sequence);
        EXPECT_EQ(read->number, message.number);
        EXPECT_EQ(read->service, message.service);
        EXPECT_EQ(read->kinds, message.kinds);
        EXPECT_EQ(read->changes, message.changes);
    }
}

TEST(CoherenceMessage, WhatIsNoneIsRefused) {
    for (const char* text :
         {"", "x a 1", "h", "h a", "h a x", "h a 1", "h a 1 x", "c a 1 k:x", "c a 1 k:1;2", "c  1", "heart a 1 1"})
        EXPECT_FALSE(CoherenceMessage::read(text)) << text;
}

}  // namespace
}  // namespace guildhall::cache
