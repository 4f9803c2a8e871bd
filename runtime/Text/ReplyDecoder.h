//===- ReplyDecoder.h - From a reply's tokens to its parts ---------------===//
// What stands between the sampler and whoever reads the reply:
//
//   ReplyDecoder decoder(tokenizer);
//   while (... id ...)
//     for (const ReplyPiece &piece : *decoder.push(id))
//       show(piece);
//   decoder.finish();
//   decoder.reply().content
//
// Tags may be tokens of their own, special or not, or be spelled by others.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Text/ReplyParser.h"

namespace mm1 {

class ReplyDecoder {
public:
  explicit ReplyDecoder(Tokenizer tokenizer)
      : tokenizer(tokenizer), decoder(std::move(tokenizer)) {}

  /// The pieces that are certain once `id` is known. Of special tokens only the
  /// tags count. Input error for an id without a token.
  Expected<std::vector<ReplyPiece>> push(int32_t id) {
    if (tokenizer.isSpecial(id) && !isReplyTag(tokenizer.bytesOf(id)))
      return std::vector<ReplyPiece>();
    auto piece = decoder.push(id);
    if (!piece)
      return piece.takeError();
    whole += *piece;
    return parser.push(*piece);
  }

  /// What was held back; the reply is complete.
  std::vector<ReplyPiece> finish() {
    std::string rest = decoder.finish();
    whole += rest;
    std::vector<ReplyPiece> pieces = parser.push(rest);
    for (ReplyPiece &piece : parser.finish())
      pieces.push_back(std::move(piece));
    return pieces;
  }

  const Reply &reply() const { return parser.reply(); }
  /// The text as the model wrote it, tags and all.
  const std::string &text() const { return whole; }

private:
  Tokenizer tokenizer;
  Decoder decoder;
  ReplyParser parser;
  std::string whole;
};

} // namespace mm1
