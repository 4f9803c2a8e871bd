//===- Logits.cpp - mm1-run logits ----------------------------------------===//
#include "runtime/Artifact/SafeTensors.h"
#include "runtime/tools/Commands.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace mm1 {

namespace {

/// Writes rows of logits as they come.
class RowWriter {
public:
  RowWriter(Session &session, SafeTensorsWriter &writer)
      : session(session), writer(writer) {}

  /// The logits of the last step's first `count` tokens become rows `first`...
  Status writeStep(uint64_t first, uint32_t count) {
    for (uint32_t done = 0; done < count;) {
      uint32_t rows = std::min(count - done, session.maxLogitRows());
      auto view = session.logits(done, rows);
      if (!view)
        return view.takeError();
      if (Status status = write(first + done, *view); !status)
        return status;
      done += rows;
    }
    return Status::ok();
  }
  Status write(uint64_t first, const LogitsView &view) {
    for (uint32_t i = 0; i < view.rows; ++i) {
      auto row = std::as_bytes(view.row(i));
      if (Status status = writer.write(0, (first + i) * row.size(), row);
          !status)
        return status;
    }
    return Status::ok();
  }

private:
  Session &session;
  SafeTensorsWriter &writer;
};

Status run(const LogitsArguments &arguments, Session &session,
           std::span<const int32_t> ids, RowWriter &rows) {
  auto slot = session.open();
  if (!slot)
    return slot.takeError();
  size_t decodeFrom =
      std::min<size_t>(arguments.decodeFrom.value_or(ids.size()), ids.size());
  Status status = prefillInChunks(session, *slot, ids.first(decodeFrom),
                                  arguments.prefillChunk,
                                  [&](size_t first, uint32_t count) {
                                    return rows.writeStep(first, count);
                                  });
  for (size_t i = decodeFrom; status && i < ids.size(); ++i) {
    auto step = session.decode({{*slot, ids[i]}});
    status = step ? rows.writeStep(i, 1) : Status(step.takeError());
  }
  return status;
}

} // namespace

Status logitsCommand(const LogitsArguments &arguments) {
  auto ids = readIds(arguments.idsFile);
  if (!ids)
    return ids.takeError();
  auto model = loadModel(arguments.model, /*profiling=*/false);
  if (!model)
    return model.takeError();
  Session &session = *model->session;
  if (ids->size() > session.maxContext())
    return inputError(
        arguments.idsFile + ": has " + std::to_string(ids->size()) +
        " ids; the plan's context is " + std::to_string(session.maxContext()) +
        "; recompile with a larger --context");

  // Under another name until it is whole.
  std::string unfinished = arguments.output + ".unfinished";
  ::unlink(unfinished.c_str());
  auto writer = SafeTensorsWriter::create(
      unfinished, {{"logits",
                    ElementType::F32,
                    {int64_t(ids->size()), int64_t(session.vocabSize())}}});
  if (!writer)
    return writer.takeError();
  RowWriter rows(session, *writer);
  Status status = run(arguments, session, *ids, rows);
  if (status)
    status = writer->finish();
  if (status && std::rename(unfinished.c_str(), arguments.output.c_str()) != 0)
    status = fileError(arguments.output, "cannot create", errno);
  if (!status)
    ::unlink(unfinished.c_str());
  return status;
}

} // namespace mm1
