"""Makes mesh_reference.npz: what MediaPipe itself says of three of the test people's pictures.

    python tests/faces/make_mesh_reference.py

Needs an environment of its own with mediapipe 0.10.21, which wants numpy 1; nothing of this project.
"""

from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from google.protobuf import text_format
from mediapipe.calculators.core import split_vector_calculator_pb2  # noqa: F401  the graph's options
from mediapipe.calculators.tensor import image_to_tensor_calculator_pb2, inference_calculator_pb2  # noqa: F401
from mediapipe.framework import calculator_pb2
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python.solutions.face_mesh import FaceMesh

HERE = Path(__file__).parent
PICTURES = ("ada/ada-09.jpg", "bruno/bruno-12.jpg", "cora/cora-00.jpg")
SQUARES = ((89, 200, 259), (67, 127, 315), (202, 112, 315))  # left, top, side in px: about the FFHQ frame, not turned
SIDE, WINDOW = 256, 192
MESH, PALMS = "face_landmark/face_landmark_with_attention.tflite", "palm_detection/palm_detection_full.tflite"
PERSON, PERSON_SIDE = "selfie_segmentation/selfie_segmentation.tflite", 256


def square(picture: str, place: tuple[int, int, int], side: int) -> np.ndarray:
    """[side, side, 3] RGB"""
    x, y, size = place
    photo = cv2.imread(str(HERE.parent / "people" / picture))[:, :, ::-1]
    return cv2.resize(
        np.ascontiguousarray(photo[y : y + size, x : x + size]), (side, side), interpolation=cv2.INTER_AREA
    )


def raw(model: str, images: list[np.ndarray], count: int, side: int = WINDOW) -> list[np.ndarray]:
    """The `count` outputs of a network for pictures of its size, each [N, ...] flattened per picture."""
    streams = "".join(f'output_stream: "t{i}" ' for i in range(count))
    ranges = "".join(f"ranges {{ begin: {i} end: {i + 1} }} " for i in range(count))
    floats = "".join(
        f'node {{ calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:t{i}" output_stream: "FLOATS:f{i}" }}\n'
        for i in range(count)
    )
    path = Path(mp.__file__).parent / "modules" / model
    config = text_format.Parse(
        f"""
        input_stream: "image"
        node {{ calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:input"
          options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{ output_tensor_width: {side} output_tensor_height: {side}
            output_tensor_float_range {{ min: 0 max: 1 }} }} }} }}
        node {{ calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:resolver" }}
        node {{ calculator: "InferenceCalculator" input_stream: "TENSORS:input" output_stream: "TENSORS:out"
          input_side_packet: "OP_RESOLVER:resolver"
          options {{ [mediapipe.InferenceCalculatorOptions.ext] {{ model_path: "{path}" delegate {{ xnnpack {{}} }} }} }} }}
        node {{ calculator: "SplitTensorVectorCalculator" input_stream: "out" {streams}
          options {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{ {ranges} }} }} }}
        {floats}""",
        calculator_pb2.CalculatorGraphConfig(),
    )
    graph, found = mp.CalculatorGraph(graph_config=config), {}
    for i in range(count):
        graph.observe_output_stream(
            f"f{i}", lambda name, packet: found.setdefault(name, []).append(packet_getter.get_float_list(packet))
        )
    graph.start_run()
    for time, image in enumerate(images):
        frame = packet_creator.create_image_frame(image_format=mp.ImageFormat.SRGB, data=image)
        graph.add_packet_to_input_stream("image", frame.at(time))
        graph.wait_until_idle()
    return [np.array(found[f"f{i}"], np.float32) for i in range(count)]


def tracked(image: np.ndarray) -> np.ndarray:
    """[478, 3] points after a few looks, each in the window of the last."""
    with FaceMesh(static_image_mode=False, refine_landmarks=True, max_num_faces=1) as mesh:
        for _ in range(6):
            found = mesh.process(image)
    return np.array([[p.x, p.y, p.z] for p in found.multi_face_landmarks[0].landmark], np.float32)


def main() -> None:
    windows = [square(*pair, WINDOW) for pair in zip(PICTURES, SQUARES, strict=True)]
    names = (
        "mesh",
        "lips",
        "left_eye",
        "right_eye",
        "left_iris",
        "right_iris",
        "presence",
    )  # the order of the file's outputs
    outputs = dict(zip(names, raw(MESH, windows, len(names)), strict=True))
    boxes, scores = raw(PALMS, windows[:1], 2)
    [person] = raw(PERSON, [square(PICTURES[0], SQUARES[0], PERSON_SIDE)], 1, PERSON_SIDE)
    points = np.stack([tracked(square(*pair, SIDE)) for pair in zip(PICTURES, SQUARES, strict=True)])
    np.savez_compressed(
        HERE / "mesh_reference.npz",
        pictures=PICTURES,
        squares=SQUARES,
        points=points,
        palm_scores=scores[0],
        palm_boxes=boxes[0].reshape(-1, 18)[:, :4],
        person=person.reshape(PERSON_SIDE, PERSON_SIDE)[::4, ::4],
        **outputs,
    )


if __name__ == "__main__":
    main()
