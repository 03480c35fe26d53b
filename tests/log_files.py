"""Logs written and read for tests."""

import pytest

from sim.ground.faults import InputError
from sim.ground.logs import gather, open_log

NAMES = {"arrival": "t", "prompt": "p", "output": "o"}


def read(tmp_path, text: str | bytes, name="log", **told):
    """Hold a log in memory: its rows and what is told of them."""
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    told = told or {"columns": NAMES, "unit": "seconds"}
    with open_log(tmp_path / name, **told) as log:
        return gather(log), log


def rows(found):
    """Requests as plain lists."""
    chunk = found[0]
    return chunk.arrival.tolist(), chunk.columns["prompt"].tolist(), chunk.columns["output"].tolist()


def refused(tmp_path, text, name="log", **told):
    """The refusal of a log, without the folder."""
    with pytest.raises(InputError) as error:
        read(tmp_path, text, name, **told)
    return str(error.value).replace(f"{tmp_path}/", "")


AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
KNOWN = {
    "azure": (AZURE, [1_700_158_546_680_590], [374], [44]),
    "burstgpt": (
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,,2.5,GPT-4,472,18,490,Conversation log\n",
        [5_000_000],
        [472],
        [18],
    ),
    "mooncake": ('{"timestamp": 3001, "input_length": 7, "output_length": 5, "hash_ids": [1]}', [3_001_000], [7], [5]),
    "vllm": (
        '{"arrival_time": 1787267980.082740, "num_prompt_tokens": 9, "num_generation_tokens": 2}',
        [1_787_267_980_082_740],
        [9],
        [2],
    ),
    "litellm": (
        "request_id,startTime,endTime,prompt_tokens,completion_tokens,model,status\n"
        'a,2024-05-10 00:00:01.5,x,3,4,"{""a"": 1,\n2}",success\n'
        "b,2024-05-10 00:00:02,,0,,m,failure\n",
        [1_715_299_201_500_000],
        [3],
        [4],
    ),
}
