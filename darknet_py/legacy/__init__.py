"""Darknet's own command line: ``darknet detector test cfg/coco.data yolov3.cfg yolov3.weights dog.jpg``."""
